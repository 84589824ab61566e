;;; numscript-mode.el --- Major mode for Numscript  -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages
;; URL: https://docs.formance.com/numscript
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Highlighting, indentation and comments of Numscript, the language for moving money, and its
;; language server through Eglot.

;;; Code:

(defgroup numscript nil
  "Numscript, the language for moving money."
  :group 'languages)

(defcustom numscript-indent-offset 2
  "Columns that one open bracket indents by."
  :type 'integer
  :safe #'integerp)

(defcustom numscript-server-command '("numscript" "lsp")
  "Program and arguments that start the language server."
  :type '(repeat string))

(defface numscript-account-face '((t :inherit font-lock-preprocessor-face))
  "Face of accounts, such as `@users:001'.")
(defface numscript-number-face '((t :inherit font-lock-constant-face))
  "Face of whole numbers.")
(defface numscript-portion-face '((t :inherit font-lock-constant-face))
  "Face of percentages.")

;; Written by `make editors`; do not edit.
(defconst numscript-keyword-words
  '("allowing" "destination" "fail" "feature" "from" "kept" "max" "oneof" "overdraft"
    "print" "remaining" "save" "scaling" "send" "source" "through" "to" "unbounded" "up"
    "vars" "with")
  "Words of class keyword.")
(defconst numscript-type-words
  '("account" "asset" "monetary" "number" "portion" "string")
  "Words of class type.")
(defconst numscript-function-words
  '("set_tx_meta" "set_account_meta" "meta" "balance" "get_asset" "get_amount")
  "Words of class function.")
(defconst numscript-keyword-functions
  '("overdraft")
  "Keywords that are functions where a parenthesis follows.")
(defconst numscript-faces
  '((comment . font-lock-comment-face)
    (keyword . font-lock-keyword-face)
    (type . font-lock-type-face)
    (function . font-lock-function-name-face)
    (variable . font-lock-variable-name-face)
    (account . numscript-account-face)
    (asset . font-lock-constant-face)
    (number . numscript-number-face)
    (portion . numscript-portion-face)
    (string . font-lock-string-face)
    (operator . font-lock-builtin-face))
  "The face of each class of words.")
;; The rest is written by hand.

(defvar numscript-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?/ ". 124b" table)
    (modify-syntax-entry ?* ". 23n" table)
    (modify-syntax-entry ?\n "> b" table)
    (modify-syntax-entry ?\" "." table)
    (modify-syntax-entry ?\\ "." table)
    (dolist (sign '(?$ ?@ ?: ?_))
      (modify-syntax-entry sign "_" table))
    table)
  "Syntax of words and of comments, which nest; strings have a rule apart.")

(defconst numscript--string "\"\\(?:[^\"\n\r\\]\\|\\\\\"\\|\\\\\\)*\""
  "A string: it ends on its line, and only a quote can be escaped.")

(defun numscript--mark-strings (start end)
  "Give the strings between START and END the syntax of strings."
  (goto-char start)
  (while (re-search-forward numscript--string end t)
    (let ((first (match-beginning 0)) (last (match-end 0)))
      (if (nth 8 (save-excursion (syntax-ppss first)))
          (goto-char (1+ first))
        (put-text-property first (1+ first) 'syntax-table (string-to-syntax "|"))
        (put-text-property (1- last) last 'syntax-table (string-to-syntax "|"))))))

(defconst numscript--variable "\\$[a-z_][a-z0-9_]*")
(defconst numscript--account
  (let ((segment (concat "\\(?:[A-Za-z0-9_-]+\\|" numscript--variable "\\)")))
    (concat "@" segment "\\(?::" segment "\\)*\\|:" segment)))

(defun numscript--search (regexp limit)
  "Find REGEXP before LIMIT where it starts at a place that has no colour yet."
  (let (found)
    (while (and (setq found (re-search-forward regexp limit t))
                (get-text-property (match-beginning 0) 'face))
      (goto-char (1+ (match-beginning 0))))
    found))

(defun numscript--match-account (limit)
  "Find the next account before LIMIT."
  (numscript--search numscript--account limit))

(defun numscript--match-unclosed-string (limit)
  "Find the next string before LIMIT that its line does not close."
  (numscript--search "\"[^\n\r]*" limit))

(defun numscript--face (class)
  "The face of CLASS, a symbol."
  (alist-get class numscript-faces))

(defun numscript--word-face ()
  "The face of the word that was just found, if it has a meaning."
  (let ((word (match-string 0)))
    (cond
     ((and (member word numscript-keyword-functions)
           (save-match-data (looking-at-p "[ \t\r\n]*(")))
      (numscript--face 'function))
     ((member word numscript-keyword-words) (numscript--face 'keyword))
     ((member word numscript-type-words) (numscript--face 'type))
     ((member word numscript-function-words) (numscript--face 'function)))))

(defconst numscript-font-lock-keywords
  `((numscript--match-unclosed-string 0 font-lock-warning-face)
    (numscript--match-account
     (0 (numscript--face 'account))
     (,numscript--variable
      (progn (goto-char (match-beginning 0)) (match-end 0)) nil
      (0 (numscript--face 'variable) t)))
    (,numscript--variable 0 (numscript--face 'variable))
    ("[A-Z][A-Z0-9]*\\(?:/[0-9]+\\)?" 0 (numscript--face 'asset))
    ("[0-9]+\\(?:\\.[0-9]+\\)?%" 0 (numscript--face 'portion))
    ("[0-9]+\\(?:_[0-9]+\\)*" 0 (numscript--face 'number))
    ("[a-z][a-z_]*" 0 (numscript--word-face))
    ("#!" 0 (numscript--face 'keyword))
    ("[-+*/=\\]" 0 (numscript--face 'operator)))
  "What is coloured, first come, first served; comments and strings came before.")

(defun numscript-indent-line ()
  "Indent a line by the brackets that are open where it starts."
  (interactive)
  (let* ((depth (save-excursion
                  (back-to-indentation)
                  (let ((open (car (syntax-ppss))))
                    (- open (abs (skip-chars-forward "])}"))))))
         (column (* numscript-indent-offset (max 0 depth))))
    (if (<= (current-column) (current-indentation))
        (indent-line-to column)
      (save-excursion (indent-line-to column)))))

;;;###autoload
(define-derived-mode numscript-mode prog-mode "Numscript"
  "Major mode for Numscript, the language for moving money."
  (setq-local comment-start "// "
              comment-end ""
              comment-start-skip "\\(?://+\\|/\\*+\\)[ \t]*"
              syntax-propertize-function #'numscript--mark-strings
              indent-line-function #'numscript-indent-line
              electric-indent-chars (append "{}()[]" electric-indent-chars)
              indent-tabs-mode nil
              font-lock-defaults '(numscript-font-lock-keywords nil nil)
              font-lock-multiline t)
  (when buffer-file-name
    (setq-local compile-command
                (mapconcat #'shell-quote-argument
                           (list (car numscript-server-command) "test" buffer-file-name)
                           " "))))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.num\\'" . numscript-mode))

(with-eval-after-load 'eglot
  (defvar eglot-server-programs)
  (add-to-list 'eglot-server-programs
               '(numscript-mode . (lambda (&rest _) numscript-server-command))))

(provide 'numscript-mode)
;;; numscript-mode.el ends here
