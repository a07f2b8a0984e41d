"""From a program's source alone: how it takes its numbers, and how to run it with other numbers.

    source   text → syntax tree, read and never executed; what constants are worth
    slots    numbers typed into the source: assignments, defaults, arguments, tables
    ways     command line, prompts, configuration files
    plans    other numbers → argv, stdin and files to run the program with

Nothing here knows an assignment: quantities are declared as `grader.printed.Row`.
"""

from grader.inputs.plans import NoPlan, Plan, defaults, plan

__all__ = ["NoPlan", "Plan", "defaults", "plan"]
