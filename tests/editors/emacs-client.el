;; Edits a script in Emacs with Eglot. Prints what is seen after each step, as JSON.
(require 'json)
(require 'eglot)
(require 'flymake)
(require 'numscript-mode)

(defvar seen nil)
(defun see (name value)
  (push (cons name value) seen))

(defun await (probe)
  "What PROBE answers as soon as it is not nil; nil where that takes longer than half a minute."
  (let ((end (+ (float-time) 30)) answer)
    (while (and (not (setq answer (funcall probe))) (< (float-time) end))
      (accept-process-output nil 0.02))
    answer))

(defun found ()
  (mapcar #'flymake-diagnostic-text (flymake-diagnostics)))

(defun completions ()
  (pcase (run-hook-wrapped 'completion-at-point-functions
                           (lambda (function) (let ((data (funcall function)))
                                                (and (consp data) data))))
    (`(,start ,end ,table . ,_)
     (vconcat (all-completions (buffer-substring start end) table)))))

(setq eglot-sync-connect 60
      eglot-send-changes-idle-time 0.01
      flymake-no-changes-timeout 0.01
      make-backup-files nil)
(find-file (expand-file-name "sale.num" (getenv "NUMSCRIPT_FOLDER")))
(see 'mode (symbol-name major-mode))
(apply #'eglot (eglot--guess-contact))
(see 'compile compile-command)
(see 'connected (and (eglot-current-server) t))
(see 'diagnostics (vconcat (await #'found)))

(goto-char (point-min))
(search-forward "$prise")
(replace-match "$price" t t)
(eglot--signal-textDocument/didChange)
(flymake-start)
(see 'mended (await (lambda () (null (found)))))

(backward-char 2)
(see 'hover (plist-get (plist-get (jsonrpc-request (eglot--current-server-or-lose)
                                                   :textDocument/hover
                                                   (eglot--TextDocumentPositionParams))
                                  :contents)
                       :value))
(eglot-rename "amount")
(see 'renamed (buffer-string))

(goto-char (point-max))
(insert "save [USD/2 1] from $sel")
(eglot--signal-textDocument/didChange)
(see 'completion (completions))
(insert "ler")
(eglot--signal-textDocument/didChange)
(eglot-format-buffer)
(see 'formatted (buffer-string))

(indent-region (point-min) (point-max))
(see 'indented (buffer-string))

(eglot-shutdown (eglot-current-server))
(see 'stopped (null (eglot-current-server)))
(set-buffer-modified-p nil)
(princ (json-encode (nreverse seen)))
