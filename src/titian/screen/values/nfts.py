"""Tokens of which there is one: the chain (CAIP-2), the contract, and the number of the token.

Canonical: ``eip155:1/0xcontract/token``. CAIP-19 names the standard as well (``erc721:``); two sources seldom both
do, so it is a fact. A contract without a chain is taken for Ethereum's, and a fact says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from titian.core.screening import Value, ValueKind
from titian.screen.values.found import NOTHING, Found
from titian.screen.values.text import compatible
from titian.screen.values.wallets import read_wallet

CHAINS: Final[Mapping[str, str]] = {
    "ethereum": "eip155:1", "eth": "eip155:1", "mainnet": "eip155:1", "optimism": "eip155:10", "bsc": "eip155:56",
    "bnb": "eip155:56", "binance-smart-chain": "eip155:56", "gnosis": "eip155:100", "matic": "eip155:137",
    "polygon": "eip155:137", "base": "eip155:8453", "arbitrum": "eip155:42161", "avalanche": "eip155:43114",
    "bitcoin": "bip122:000000000019d6689c085ae165831e93", "solana": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
}  # fmt: skip
"""Names of chains, and their identifiers after CAIP-2."""

_caip: Final = re.compile(
    r"([-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32})/(?:([-a-z0-9]{3,8}):)?([-.%a-zA-Z0-9]{1,128})(?:/([-.%a-zA-Z0-9]{1,78}))?"
).fullmatch
_pair: Final = re.compile(
    r"(?:([a-z-]{2,24})[:/])?(0[xX][0-9a-fA-F]{40})[/:#](\d{1,78}|0[xX][0-9a-fA-F]{1,64})"
).fullmatch
_market: Final = re.compile(
    r"https?://(?:www\.|testnets\.)?(?:opensea\.io/(?:assets|item)|rarible\.com/token|blur\.io/(?:[a-z]+/)?asset|looksrare\.org/collections"
    r"|etherscan\.io/nft)/(?:([a-z-]+)/)?(0x[0-9a-fA-F]{40})[/:](\d{1,78})(?:[/?#].*)?"
).fullmatch
_is_chain: Final = re.compile(r"[a-z0-9][-_a-zA-Z0-9]{1,31}(?::[-_a-zA-Z0-9]{1,40})?").fullmatch
_is_part: Final = re.compile(r"[-.%_a-zA-Z0-9]{1,128}").fullmatch
_loose: Final = re.compile(r"([^/\s]{2,73})/([^/\s]{1,128})(?:/([^/\s]{1,128}))?").fullmatch
_inscription: Final = re.compile(r"[0-9a-fA-F]{64}i\d{1,6}").fullmatch
_LONGEST: Final = 320


def nft_value(chain: str, contract: str, token: str, *facts: tuple[str, str]) -> Value | None:
    """Return a token; ``chain`` is a name or a CAIP-2 identifier. None where contract or token make no sense."""
    chain = CHAINS.get(chain.lower(), chain)
    if _is_chain(chain) is None or _is_part(contract) is None or (token and _is_part(token) is None):
        return None
    if chain.startswith("eip155:"):
        found = read_wallet(contract)
        if not found.values or not found.values[0].canonical.startswith("0x"):
            return None
        contract = found.values[0].canonical
    if token:
        if token[:2] in ("0x", "0X"):
            token = str(int(token, 16))
        elif token.isdecimal():
            token = token.lstrip("0") or "0"
    canonical = f"{chain}/{contract}/{token}" if token else f"{chain}/{contract}"
    return Value(ValueKind.NFT, canonical, (("chain", chain), *facts))


def guess_nft(text: str) -> Found:
    """Read a tidied text as a token if it is written as one.

    >>> guess_nft("eip155:1/erc721:0x06012c8cf97BEaD5deAe237070F9587f8E7A266d/771769").values[0].canonical
    'eip155:1/0x06012c8cf97bead5deae237070f9587f8e7a266d/771769'
    """
    if len(text) > _LONGEST:
        return NOTHING
    text = compatible(text)
    found = _caip(text)
    value = None
    if found is not None:
        standard = (("standard", found[2]),) if found[2] else ()
        value = nft_value(found[1], found[3], found[4] or "", *standard)
    elif (found := _pair(text) or _market(text)) is not None:
        if found[1] is None:
            value = nft_value("ethereum", found[2], found[3], ("chain-assumed", "yes"))
        elif found[1] in CHAINS:
            value = nft_value(found[1], found[2], found[3])
    elif _inscription(text) is not None:
        value = nft_value("bitcoin", text.lower(), "", ("standard", "ordinal"))
    return NOTHING if value is None else Found((value,))


def read_nft(text: str) -> Found:
    """Read a tidied text as a token."""
    found = guess_nft(text)
    if found.values:
        return found
    loose = _loose(compatible(text)) if len(text) <= _LONGEST else None
    value = nft_value(loose[1], loose[2], loose[3] or "") if loose is not None else None
    if value is not None:
        return Found((value,))
    return Found(problem="This is no token: write it as chain/contract/token (CAIP-19).")
