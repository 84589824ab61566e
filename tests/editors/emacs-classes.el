;; Prints the faces of every file that the list names, as JSON: [start, end, face] in characters.
(require 'json)
(require 'numscript-mode)
(let ((coding-system-for-read 'utf-8-unix)
      (coding-system-for-write 'utf-8-unix)
      (answer nil))
  (dolist (path (with-temp-buffer
                  (insert-file-contents (getenv "NUMSCRIPT_LIST"))
                  (split-string (buffer-string) "\n" t)))
    (with-temp-buffer
      (insert-file-contents path)
      (numscript-mode)
      (font-lock-mode 1)
      (font-lock-ensure)
      (let ((runs nil) (at (point-min)))
        (while (< at (point-max))
          (let ((next (next-single-property-change at 'face nil (point-max)))
                (face (get-text-property at 'face)))
            (when face
              (push (list (1- at) (1- next) (format "%s" face)) runs))
            (setq at next)))
        (push (vconcat (nreverse runs)) answer))))
  (princ (json-encode (vconcat (nreverse answer)))))
