"""Names of persons and organisations: is somebody known under a name like this one, in whatever script?"""

from titian.screen.names.evidence import weigh, worth
from titian.screen.names.index import THRESHOLD, NameHit, NameIndex
from titian.screen.names.parts import Name, take_apart
from titian.screen.names.score import Likeness, likeness

__all__ = ["THRESHOLD", "Likeness", "Name", "NameHit", "NameIndex", "likeness", "take_apart", "weigh", "worth"]
