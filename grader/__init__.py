"""Autograder for LLM-systems coursework: student code in a sandbox, the judge outside."""

__version__ = "0.1.0"
