"""Values: what was given is read as what it is, in one canonical form for each kind; and what objects hold."""

from titian.screen.values.objects import names_of, of_object
from titian.screen.values.reading import read_value, read_values

__all__ = ["names_of", "of_object", "read_value", "read_values"]
