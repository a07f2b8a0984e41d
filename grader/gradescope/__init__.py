"""An autograder for Gradescope: a zip that its servers unpack into a container for each submission.

Its modules:

    making          the zip: the project as far as one assignment needs it, and two scripts
    inside          the story of one submission in such a container
    setup.sh        run once by the platform, as root, when it makes the image
    run_autograder  run by the platform, as root, for each submission

Student code runs as users of their own (`grader.sandbox.user`), to whom the folders of the grader
and of the results are closed.
"""
