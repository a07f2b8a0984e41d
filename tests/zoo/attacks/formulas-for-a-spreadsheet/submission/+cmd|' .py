# A name that a spreadsheet reads as a formula.
