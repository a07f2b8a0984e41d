"""Formulas in an answer sheet: found, read, compared, and said back to the student.

    examine    host side, the one call: files and questions in, readings out
    worker     the child process in which all of the following handles a student's bytes
    documents  files -> lines of text and formulas, each with what stands around it
    finding    which formula answers which question, by marks and by the words around it
    sections, placing
               the same by places in a sheet that was given to be filled in
    spelling, scanning, reading
               text of a formula -> one spelling -> tokens -> tree, within limits
    chains     a = b = c: what is graded, and whether each link holds
    identity   are two trees the same function? by exact arithmetic, never by simplifying
    judging    tree x question -> the reference, a named variant, or neither
    verdicts, judged
               verdicts in words, and whether an answer fits those before it

Nothing here evaluates a student's text, and a formula that cannot be read is a human's to read:
it never counts as wrong.
"""
