#!/bin/bash
#: needs guile
#: package guile-3.0
#: version guile --version
guile --no-auto-compile -q <<'END' | grep -v '^$\|scheme@'
(use-modules (ice-9 threads) (srfi srfi-1))
(display (par-map (lambda (n) (fold + 0 (iota (* n 1000)))) (iota 8))) (newline) (let ((h (make-hash-table))) (do ((i 0 (+ i 1))) ((= i 20000)) (hash-set! h i (make-string (modulo i 30) #\x))) (gc) (display (hash-count (const #t) h))) (newline) (display (expt 7 200)) (newline) (display (call/cc (lambda (k) (+ 1 (k 42))))) (newline) (exit 3)
END
echo "status ${PIPESTATUS[0]}"
