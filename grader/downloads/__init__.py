"""What learning platforms let staff download, taken apart into hand-ins.

    download    a zip or a folder: of which form it is, and its hand-ins, read when they are wanted
    sorting     what a form makes of names: the protocol of the next five
    canvas      flat names: doejane_LATE_12_345_model.py
    moodle      Jane Doe_12_assignsubmission_file_/model.py, as folders or flat
    gradescope  submission_12/model.py, with submission_metadata.yml beside it
    classroom   a folder of clones: lab2-jdoe/.git
    plain       one entry for each
    metadata    the one YAML file among them, as bare texts
    roster      who should have handed in, from whatever CSV a course has
    people      whose a hand-in is
    taking      all of it: hand-ins, who has nothing, what belongs to nobody

Forms see names and nothing else, so that each rule is tested without a file. Bytes are read by
`grader.intake`, with its limits; nothing is unpacked to disk.
"""
