"""openmined-psi doing one private match, in an interpreter of its own; prints what it took as JSON.

Usage: screening_private_peer.py OFFERED ASKED COMMON
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from time import perf_counter, process_time

import private_set_intersection.python as psi  # type: ignore[import-not-found]

offered, asked, common = map(int, sys.argv[1:])
held = ["0x" + sha256(b"%d" % one).hexdigest()[:40] for one in range(offered)]
questions = ["0x" + sha256(b"%d" % one).hexdigest()[:40] for one in range(offered - common, offered - common + asked)]
began, cpu = perf_counter(), process_time()
client, server = psi.client.CreateWithNewKey(True), psi.server.CreateWithNewKey(True)
# The probability of any false hit in the run that is as low as ours, 2^-40.
setup = server.CreateSetupMessage(2.0**-40, asked, held, psi.DataStructure.GCS)
ready = perf_counter()
request = client.CreateRequest(questions)
response = server.ProcessRequest(request)
found = client.GetIntersection(setup, response)
print(json.dumps({
    "cpu": process_time() - cpu, "offer": ready - began, "run": perf_counter() - ready, "common": len(found),
    "bytes": sum(len(one.SerializeToString()) for one in (setup, request, response)),
}))  # fmt: skip
