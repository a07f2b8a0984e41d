"""Notebooks as submissions: what stands in their solution blocks, put into a clean copy and graded.

    books      bytes of an .ipynb or of a .py export -> cells, within limits
    python     cells as Python: lines of the shell and magics taken out
    markers    text -> solution blocks, whatever has become of their markers
    blocks     the blocks of a whole book, matched with those of the template
    helpers    what blocks use and the book defines outside of them
    clean      blocks + template -> one Python module
    outside    what was changed outside the blocks, cell by cell
    answers    what was written below each question, in the book or in a report beside it
    declared   what a pack's rubric says of its notebook
    form       all of it together: a submission's files -> `Filled`

Nothing here runs a line of a notebook. What cannot be read is said in a sentence, and never raises.
"""
