"""What a program printed → quantities with their labels, and the rows that were asked for.

    lines        hostile text → short plain lines, split into cells
    numbers      a line → its numbers with units, in any of the world's notations
    quantities   lines → quantities: a number, and all that says what it is of
    rows         quantities × the rows that a pack declares by words → which quantity is which row

Nothing here knows an assignment. Everything takes time linear in the text, which is cut at
`lines.MAX_TEXT` characters; what cannot be read as a number is left out, and nothing raises.
"""

from grader.printed.quantities import Quantity, read
from grader.printed.rows import Found, Row, assign, best, words

__all__ = ["Found", "Quantity", "Row", "assign", "best", "read", "words"]
