"""What is noted in a dialogue as it goes on: meetings, statements, what was promised, and that it was kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from titian.core.directory_objects import Commitment, Dialogue, Meeting, Reading, Statement, read_day
from titian.core.errors import InvalidInput, NotFound


def noted(
    held: Reading,
    dialogue: Dialogue,
    meetings: Sequence[Meeting],
    statements: Sequence[Statement],
    commitments: Sequence[Commitment],
) -> Dialogue:
    """Return a dialogue with more in it; whose a commitment is, is given by identifier, alias or name.

    Raises :class:`InvalidInput` for a commitment of somebody who is not in the dialogue, :class:`NotFound` for one of
    nobody who is known.
    """
    promised = [msgspec.structs.replace(one, by=_member(held, dialogue, one.by)) for one in commitments]
    return msgspec.structs.replace(
        dialogue, meetings=(*dialogue.meetings, *meetings), statements=(*dialogue.statements, *statements),
        commitments=(*dialogue.commitments, *promised),
    )  # fmt: skip


def kept(dialogue: Dialogue, title: str, day: str) -> Dialogue:
    """Return a dialogue in which a commitment was kept on a day: the one of this title, or that alone begins so.

    Raises :class:`NotFound`.
    """
    begun = [one for one in dialogue.commitments if one.kept is None and title and one.title.startswith(title)]
    named = [one for one in begun if one.title == title] or begun
    if len(named) != 1:
        raise NotFound(f"{len(named) or 'No'} open commitments of {dialogue.name!r} begin with {title!r}.",
                       advice="`titian agreements dialogue show` lists them.")  # fmt: skip
    done = msgspec.structs.replace(named[0], kept=read_day(day))
    after = tuple(done if one is named[0] else one for one in dialogue.commitments)
    return msgspec.structs.replace(dialogue, commitments=after)


def _member(held: Reading, dialogue: Dialogue, reference: str) -> str:
    party = held.party(reference)
    if party.id not in dialogue.parties:
        raise InvalidInput(f"{party.name} is not in {dialogue.name!r}.", advice="Only its parties promise in it.")
    return party.id
