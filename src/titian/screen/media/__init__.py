"""Images and video: found again by perceptual hashes (PDQ) although they were resized, recompressed or cut a little.

Whoever has a picture hashes it where it lies; only the hash is asked about. Nothing here takes an address.
"""

from titian.screen.media.batch import HashedFile, hash_file, hash_files
from titian.screen.media.files import HammingFolder
from titian.screen.media.image import hash_frames, hash_image, hash_image_turned
from titian.screen.media.index import Found, HammingIndex
from titian.screen.media.pdq import GOOD_QUALITY, LIMITS, Frame, Limits, PdqHash, Shared, distance, shared
from titian.screen.media.segment import FURTHEST
from titian.screen.media.video import hash_video
from titian.screen.media.words import Words, read_hashes, write_hashes

__all__ = [
    "FURTHEST",
    "GOOD_QUALITY",
    "LIMITS",
    "Found",
    "Frame",
    "HammingFolder",
    "HammingIndex",
    "HashedFile",
    "Limits",
    "PdqHash",
    "Shared",
    "Words",
    "distance",
    "hash_file",
    "hash_files",
    "hash_frames",
    "hash_image",
    "hash_image_turned",
    "hash_video",
    "read_hashes",
    "shared",
    "write_hashes",
]
