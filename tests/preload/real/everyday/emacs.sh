#!/bin/bash
#: needs emacs
#: package emacs-nox
#: version emacs --version
#: process emacs*
cat >s.el <<'END'
(let ((h (make-hash-table :test 'equal)) (n 0)) (dotimes (i 30000) (puthash (format "k%d" i) (make-string (% i 30) ?x) h)) (maphash (lambda (_ v) (setq n (+ n (length v)))) h) (message "%d" n) (garbage-collect)
 (with-temp-buffer (dotimes (i 3000) (insert (format "line %d\n" i))) (goto-char 1) (while (re-search-forward "7$" nil t) (replace-match "seven")) (sort-lines nil 1 (point-max)) (princ (md5 (buffer-string))) (terpri) (shell-command-on-region 1 40 "tr a-z A-Z" nil t) (princ (buffer-substring 1 20)) (terpri))
 (princ (secure-hash 'sha256 "text")) (terpri) (princ (json-serialize '(:a 1 :b [1 2]))) (terpri) (let ((th (make-thread (lambda () (* 6 7))))) (princ (thread-join th)) (terpri)) (condition-case e (error "x %d" 1) (error (princ (error-message-string e)) (terpri))))
(find-file "s.el") (emacs-lisp-mode) (font-lock-ensure) (princ (buffer-size)) (terpri) (kill-emacs 4)
END
emacs -Q --batch -l s.el
