#!/bin/bash
#: title go
#: needs go
#: package golang-go
#: version go version
#: outside it takes its memory from the system and ends without libc's exit
export GOCACHE=$PWD/cache GOFLAGS=-mod=mod GO111MODULE=on GOPATH=$PWD/path GOPROXY=off
printf 'module m\n\ngo 1.18\n' >go.mod; printf 'package main\n\nimport "os"\n\nfunc main() { c := make(chan int); for i := 0; i < 9; i++ { go func(i int) { c <- i }(i) }; s := 0; for i := 0; i < 9; i++ { s += <-c }; println(s); os.Exit(s %% 30) }\n' >m.go
gofmt -l .; go vet; go version | cut -d' ' -f1
