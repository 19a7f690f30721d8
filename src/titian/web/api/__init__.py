"""The JSON API below ``/api/v1/``: the verbs of the command line for programs and for the console's own scripts."""
