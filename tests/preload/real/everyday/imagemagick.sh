#!/bin/bash
#: needs convert
#: package imagemagick
#: version convert --version
#: process convert
export MAGICK_THREAD_LIMIT=2
convert -size 300x200 plasma:red-blue -seed 7 p.png 2>/dev/null; convert -size 400x300 gradient:red-blue -swirl 90 -blur 0x2 -resize 50% -rotate 30 g.png; echo "status $?"
convert g.png -format '%w %h %#' info:; echo; convert g.png -quality 80 j.jpg; identify -format '%m %w %h\n' j.jpg; convert g.png j.jpg -append -colors 16 a.gif; identify -format '%k ' a.gif; compare -metric AE g.png g.png null: 2>/dev/null; echo "status $?"; convert none.png o.png 2>/dev/null; echo "status $?"
