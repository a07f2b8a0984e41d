"""The gradebook: who has which points, what waits, what was published, and how it came to that.

The truth is in the files: a result, and its history, which the events are in. The database is made
from them and can be deleted at any time; every command first takes in what has changed since.

    schema.sql  the tables
    database    opening it: a foreign or damaged one is told from one of ours
    rows        a result and its history → rows
    book        files and database together; one process at a time
    entries     what a human does → events, checked against the result
    telling     the book and a history, as text
    pages       what a student is shown, once it is published
"""
