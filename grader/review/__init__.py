"""What only a human can score, question by question across all students, in a local web app.

Everything is read from the results and their histories, and every decision is an event of the
gradebook, one for each student, so that whoever writes beside it (another reviewer, a batch, the
command line) neither loses nor is lost. A decision says what it is based on; where that is no
longer so, it is not written but shown.

    levels    what the rubric offers for a question → keys
    items     a result and its history → what waits for a human, with what was handed in
    likeness  answers that are equal, or nearly
    shelf     a folder of results → questions, kept up to date
    deciding  a click → events; undo
    views     what a page shows, and to whom a name is shown
    guard     who may ask: nobody but the browser that was let in
    app       the routes
    everybody an answer's points for all who gave it: the look, the storing, taking it back
    serving   the server, on this machine alone
"""
