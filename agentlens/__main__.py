"""Runs the command line as `python -m agentlens`, for where the `agentlens` command is not on the path."""

from agentlens.cli import main

main()
