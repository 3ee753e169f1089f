#!/bin/bash
#: needs ffmpeg
#: package ffmpeg
#: version ffmpeg -version
ffmpeg -v error -f lavfi -i testsrc=size=320x240:rate=10:duration=2 -f lavfi -i sine=duration=2 -c:v mpeg4 -threads 4 -c:a aac -flags +bitexact -fflags +bitexact o.mkv; echo "status $?"; md5sum o.mkv
ffmpeg -v error -i o.mkv -vf 'scale=160:120,hflip' -f framemd5 -flags +bitexact - | md5sum
ffmpeg -v error -f lavfi -i mandelbrot=size=160x120:rate=5 -t 1 -c:v libx264 -preset ultrafast -threads 2 -flags +bitexact -f h264 - | md5sum; ffprobe -v error -show_entries stream=codec_name,width -of csv o.mkv; ffmpeg -v quiet -i none o2.mkv; echo "status $?"
