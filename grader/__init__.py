"""Autograder for LLM-systems coursework: student code runs in a sandbox, the judge stays outside."""

__version__ = "0.1.0"
