#!/usr/bin/env python3
"""Checks an evidence pack of Quarterdeck with Python's standard library alone.

    python3 verify.py PACK [--since CHECKPOINT]

PACK is a pack or the directory it was unpacked into. Exit status 0: everything is as it was recorded; 1: something was
changed, and the first such thing is named; 2: something could not be judged. Python 3.8 or later; approvals signed with other keys
than Ed25519 are handed to ssh-keygen.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import stat
import struct
import subprocess
import sys
import tempfile

FORMAT = 1
PACK_BYTES_MAX = 1 << 30
FILES_MAX = 10000
NOTE_BYTES_MAX = 16 * 1024
SIGNATURES_MAX = 16
LEAF_BYTES_MAX = 16 * 1024
LEAVES_MAX = 1 << 53
INTEGER_MAX = (1 << 53) - 1
DEPTH_MAX = 32
STATEMENT_BYTES_MAX = 1024
SIGNATURE_BYTES_MAX = 8 * 1024
CHECKPOINT_NAMESPACE = "checkpoint@quarterdeck"
PACK_NAMESPACE = "pack@quarterdeck"
APPROVAL_NAMESPACE = "approval@quarterdeck"
KINDS = set("""
@KINDS@
""".split())


class Bad(Exception):
    """Something was changed."""


class Unsure(Exception):
    """Something cannot be judged."""


def bad(file, what):
    raise Bad("%s: %s" % (file, what))


# --- Ed25519 (RFC 8032), verification alone; slow and plain ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_mul(s, p):
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        s >>= 1
    return q


def point_equal(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else (0, y, 1, 0)
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P != 0:
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_small(p):
    return point_equal(point_mul(8, p), (0, 1, 1, 0))


def ed25519_holds(key, message, signature):
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r = point_of(key), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or is_small(a) or is_small(r):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return point_equal(point_mul(s, BASE), point_add(r, point_mul(h, a)))


# --- encodings ---


def b64(text, what=ValueError):
    """Standard base64 in its one spelling."""
    data = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64")
    return data


def hash_of(text):
    """A hash in base64; None for anything else."""
    try:
        data = b64(text)
    except (ValueError, AttributeError, UnicodeError):
        return None
    return data if len(data) == 32 else None


def check_value(value, depth):
    if depth > DEPTH_MAX:
        raise ValueError("depth")
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise ValueError("number")
    elif isinstance(value, list):
        for item in value:
            check_value(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not re.fullmatch(r"[a-z0-9_]+", key):
                raise ValueError("key")
            check_value(item, depth + 1)
    else:
        raise ValueError("float")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def parse(data):
    """Canonical JSON and nothing else."""
    try:
        text = data.decode("utf-8")
        value = json.loads(text)
        check_value(value, 0)
        if canonical(value) != data:
            raise ValueError("spelling")
        return value
    except RecursionError:
        raise ValueError("depth")


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_hash(leaf):
    return hashlib.sha256(b"\x00" + leaf).digest()


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


# --- SSH signatures ---


def ssh_string(data):
    return struct.pack(">I", len(data)) + data


def ssh_key(key):
    return ssh_string(b"ssh-ed25519") + ssh_string(key)


def signed_data(namespace, text):
    return b"SSHSIG" + ssh_string(namespace.encode()) + ssh_string(b"") + ssh_string(b"sha512") + ssh_string(
        hashlib.sha512(text).digest())


def armoured(blob):
    text = base64.b64encode(blob).decode()
    lines = [text[at:at + 70] for at in range(0, len(text), 70)]
    return "-----BEGIN SSH SIGNATURE-----\n" + "\n".join(lines) + "\n-----END SSH SIGNATURE-----\n"


def own_ssh_holds(key, namespace, text, armour):
    """Whether an armoured signature is the ledger's own, in its one spelling."""
    begin, end = "-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n"
    if not armour.startswith(begin) or not armour.endswith(end) or len(armour) < len(begin) + len(end):
        return False
    try:
        blob = b64(armour[len(begin):-len(end)].replace("\n", ""))
    except (ValueError, UnicodeError):
        return False
    if armoured(blob) != armour:
        return False
    head = (b"SSHSIG" + struct.pack(">I", 1) + ssh_string(ssh_key(key)) + ssh_string(namespace.encode()) + ssh_string(b"") +
            ssh_string(b"sha512") + struct.pack(">I", 4 + 11 + 4 + 64) + ssh_string(b"ssh-ed25519") + struct.pack(">I", 64))
    return blob.startswith(head) and ed25519_holds(key, signed_data(namespace, text), blob[len(head):])


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, count):
        if len(self.data) < count:
            raise ValueError("it ends early")
        part, self.data = self.data[:count], self.data[count:]
        return part

    def string(self):
        return self.take(struct.unpack(">I", self.take(4))[0])


def approval_key(statement, armour):
    """The SHA-256 of the key by which an armoured signature holds over a statement."""
    if len(armour.encode()) > SIGNATURE_BYTES_MAX:
        raise ValueError("it is too long")
    lines = armour.split("\n")
    if lines[0] != "-----BEGIN SSH SIGNATURE-----" or "-----END SSH SIGNATURE-----" not in lines[-2:]:
        raise ValueError("it is no SSH signature")
    blob = Reader(base64.b64decode("".join(line for line in lines[1:] if not line.startswith("-----")), validate=True))
    if blob.take(6) != b"SSHSIG" or blob.take(4) != struct.pack(">I", 1):
        raise ValueError("it is no SSH signature")
    key, namespace, reserved, algorithm = blob.string(), blob.string(), blob.string(), blob.string()
    signature = Reader(blob.string())
    if blob.data:
        raise ValueError("it is no SSH signature")
    if namespace != APPROVAL_NAMESPACE.encode():
        raise ValueError("it is for another purpose")
    kind = Reader(key)
    if kind.string() != b"ssh-ed25519":
        by_openssh(statement, armour)
        return hashlib.sha256(key).digest()
    public = kind.string()
    if signature.string() != b"ssh-ed25519" or algorithm not in (b"sha512", b"sha256"):
        raise ValueError("it is of another kind")
    digest = hashlib.new(algorithm.decode(), statement.encode()).digest()
    data = b"SSHSIG" + ssh_string(namespace) + ssh_string(reserved) + ssh_string(algorithm) + ssh_string(digest)
    if not ed25519_holds(public, data, signature.string()):
        raise ValueError("it is over another text")
    return hashlib.sha256(key).digest()


def by_openssh(statement, armour):
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as file:
        file.write(armour)
        file.flush()
        command = ["ssh-keygen", "-Y", "check-novalidate", "-n", APPROVAL_NAMESPACE, "-s", file.name]
        try:
            done = subprocess.run(command, input=statement.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except OSError:
            raise Unsure("signatures.jsonl: an approval is not signed with Ed25519, and ssh-keygen is not here")
        if done.returncode != 0:
            raise ValueError("it is over another text")


# --- the archive ---


def is_name(name):
    return re.fullmatch(r"[a-z0-9_][a-z0-9._-]{0,98}", name) is not None


def header(name, size):
    head = bytearray(512)

    def put(at, data):
        head[at:at + len(data)] = data

    put(0, name.encode())
    put(100, b"0000644\x000000000\x000000000\x00")
    put(124, b"%011o\x00" % size)
    put(136, b"00000000000\x00        0")
    put(257, b"ustar\x0000")
    put(329, b"0000000\x000000000\x00")
    put(148, b"%06o\x00 " % sum(head))
    return bytes(head)


def read_archive(data):
    where, files, before, at = "the archive", {}, "", 0
    while True:
        head = data[at:at + 512]
        if len(head) < 512:
            bad(where, "it ends in the middle")
        at += 512
        if not any(head):
            if data[at:] != bytes(512):
                bad(where, "something stands behind its end")
            return files
        name, size = head[:100].split(b"\x00")[0].decode("latin-1"), head[124:135].decode("latin-1")
        if not is_name(name) or not re.fullmatch(r"[0-7]{11}", size):
            bad(where, "a header is not that of a plain file of a pack")
        size = int(size, 8)
        if header(name, size) != head:
            bad(where, "the header of %s is not that of a plain file of a pack" % name)
        if name <= before:
            bad(where, "%s is not in the order of names" % name)
        if len(files) == FILES_MAX:
            bad(where, "it has too many files")
        padded = (size + 511) // 512 * 512
        if len(data) - at < padded:
            bad(where, "it ends in the middle of %s" % name)
        if any(data[at + size:at + padded]):
            bad(where, "something stands behind the end of %s" % name)
        files[name], before, at = data[at:at + size], name, at + padded


def read_directory(path):
    files = {}
    for name in sorted(os.listdir(path)):
        full = os.path.join(path, name)
        if not stat.S_ISREG(os.lstat(full).st_mode) or not is_name(name):
            bad("the archive", "%r is not a plain file of a pack" % name)
        if len(files) == FILES_MAX:
            bad("the archive", "it has too many files")
        with open(full, "rb") as file:
            files[name] = file.read()
    return files


# --- the checkpoint ---


def note_id(origin, key):
    return hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]


def is_key_name(name):
    return name != "" and "+" not in name and not any(letter.isspace() for letter in name)


def read_note(data, origin, key):
    """Size and root of a checkpoint that the ledger's key has signed."""
    if len(data) > NOTE_BYTES_MAX:
        raise ValueError("it is too long for a checkpoint")
    note = data.decode("utf-8")
    text, found, lines = note.rpartition("\n\n")
    if not found or not lines.endswith("\n") or re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", note):
        raise ValueError("it is not a signed note")
    text, seen, own = text + "\n", set(), None
    for line in lines[:-1].split("\n"):
        if not line.startswith("\u2014 ") or " " not in line[2:]:
            raise ValueError("it is not a signed note")
        name, signature = line[2:].split(" ", 1)
        blob = b64(signature)
        if len(blob) < 5 or not is_key_name(name):
            raise ValueError("it is not a signed note")
        if (name, blob[:4]) in seen:
            raise ValueError("it has two signatures by one key")
        seen.add((name, blob[:4]))
        if len(seen) > SIGNATURES_MAX:
            raise ValueError("it is too long for a checkpoint")
        if name == origin and blob[:4] == note_id(origin, key):
            own = blob[4:]
    if own is None:
        raise ValueError("the ledger's key has not signed it")
    if not ed25519_holds(key, text.encode(), own):
        raise ValueError("its signature does not hold")
    body = text.split("\n")
    if len(body) != 4 or body[3] != "" or not re.fullmatch(r"0|[1-9][0-9]*", body[1]) or hash_of(body[2]) is None:
        raise ValueError("its text is not a checkpoint's")
    size = int(body[1])
    if size > LEAVES_MAX or not is_key_name(body[0]):
        raise ValueError("its text is not a checkpoint's")
    if body[0] != origin:
        raise ValueError("it is another ledger's")
    return size, hash_of(body[2]), text


# --- proofs ---


def split(count):
    """The largest power of two below a number of leaves."""
    return 1 << (count - 1).bit_length() - 1


def root_of(leaves, low, high, others):
    """The root over leaves low..high, of which some are here (index, hash) and the rest is in roots of `others`."""
    if not leaves:
        return next(others)
    if high - low == 1:
        return leaves[0][1]
    middle = low + split(high - low)
    left = [leaf for leaf in leaves if leaf[0] < middle]
    right = leaves[len(left):]
    first = root_of(left, low, middle, others)
    return node(first, root_of(right, middle, high, others))


def continues(old_size, old_root, new_size, new_root, path):
    """RFC 9162, 2.1.4.2."""
    if old_size == 0:
        return old_root == hashlib.sha256(b"").digest() and not path
    if old_size >= new_size or len(path) > 64:
        return False
    if old_size & (old_size - 1) == 0:
        path = [old_root] + path
    if not path:
        return False
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for hash in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(hash, fr), node(hash, sr)
            while fn & 1 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, hash)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


# --- leaves ---


class Leaf:
    def __init__(self, line):
        value = parse(line)
        if not isinstance(value, dict):
            raise ValueError("shape")
        version = value.get("v")
        newer = is_number(version) and version > 1
        try:
            self.take(value)
        except (ValueError, TypeError, KeyError, AttributeError):
            if newer:
                raise Unsure("newer schema: format version %d" % version)
            raise ValueError("shape")
        if newer:
            raise Unsure("newer schema: format version %d" % version)
        self.hash = leaf_hash(line)

    def take(self, value):
        if set(value) - {"at", "body", "by", "c", "i", "kind", "prev", "run", "v"} or "by" not in value:
            raise ValueError("keys")
        self.at, self.index, self.kind, self.by = value["at"], value["i"], value["kind"], value["by"]
        if not isinstance(self.at, int) or isinstance(self.at, bool) or not is_number(self.index) or not is_number(value["v"]):
            raise ValueError("numbers")
        if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", self.kind) or len(self.kind) > 64:
            raise ValueError("kind")
        body = value.get("body")
        self.body = {} if body is None else body
        self.commitments = value.get("c", {})
        if not isinstance(self.body, dict) or not isinstance(self.commitments, dict):
            raise ValueError("body")
        self.commitments = {name: self.hash_in(text) for name, text in self.commitments.items()}
        self.prev = self.link(value.get("prev"))
        self.run = None
        run = value.get("run")
        if run is not None:
            if set(run) - {"end", "id", "prev", "seq"} or not is_number(run["id"]) or not is_number(run["seq"]):
                raise ValueError("run")
            end = run.get("end", False)
            if not isinstance(end, bool):
                raise ValueError("end")
            self.run = (run["id"], run["seq"], self.link(run.get("prev")), end)

    @staticmethod
    def hash_in(text):
        found = hash_of(text)
        if found is None:
            raise ValueError("hash")
        return found

    @classmethod
    def link(cls, text):
        return None if text is None else cls.hash_in(text)

    def of(self, run):
        return self.run is not None and self.run[0] == run

    def of_incident(self, incident):
        return self.kind == "incident" and number_of(self.body.get("incident")) == incident

    def act(self):
        """The word for what happened to an incident."""
        act = self.body.get("act")
        return next(iter(act), None) if isinstance(act, dict) else text_of(act)


def is_scope(manifest):
    """Whether a manifest says one part of the record."""
    incident, begins, until = (manifest.get(name) for name in ("incident", "from", "until"))
    if manifest["scope"] == "incident":
        return is_number(incident) and begins is None and until is None
    if manifest["scope"] == "period":
        whole = all(isinstance(at, int) and not isinstance(at, bool) for at in (begins, until))
        return incident is None and whole and begins < until
    return manifest["scope"] == "run" and (incident, begins, until) == (None, None, None)


def number_of(value):
    return value if is_number(value) else None


def text_of(value):
    return value if isinstance(value, str) else None


def get(value, *path):
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# --- the pack ---


class Pack:
    def __init__(self, files, since=None):
        self.files, self.known, self.doubt = files, since, None
        self.told = self.signed = 0

    def unsure(self, what):
        self.doubt = self.doubt or what

    def bytes(self, name):
        if name not in self.files:
            bad(name, "it is not there")
        return self.files[name]

    def text(self, name):
        try:
            return self.bytes(name).decode("utf-8")
        except UnicodeDecodeError:
            bad(name, "it is not text")

    def rows(self, name):
        data = self.bytes(name)
        if not data:
            return []
        if not data.endswith(b"\n"):
            bad(name, "its last line is not whole")
        found = []
        for at, line in enumerate(data[:-1].split(b"\n")):
            try:
                found.append(parse(line))
            except ValueError:
                bad(name, "line %d is not canonical JSON" % (at + 1))
        return found

    def verify(self):
        self.manifest()
        if self.text("allowed_signers") != '%s namespaces="%s,%s" ssh-ed25519 %s\n' % (
                self.origin, CHECKPOINT_NAMESPACE, PACK_NAMESPACE, base64.b64encode(ssh_key(self.key)).decode()):
            bad("allowed_signers", "it is not the ledger's")
        if not own_ssh_holds(self.key, PACK_NAMESPACE, self.bytes("manifest.json"), self.text("manifest.sshsig")):
            bad("manifest.sshsig", "the ledger's key has not signed the manifest")
        self.listed()
        self.checkpoint()
        self.read_leaves()
        self.genesis()
        self.tree()
        self.links()
        self.runs_whole()
        self.scope_whole()
        details = self.details()
        self.kinds()
        self.bindings(details)
        self.outputs()
        self.approvals(details)
        self.since()
        self.whole()
        if self.doubt:
            raise Unsure(self.doubt)
        return "verified: %d of %d events of %s, %d details, %d signed approvals" % (
            len(self.leaves), self.size, self.origin, self.told, self.signed)

    def manifest(self):
        name = "manifest.json"
        try:
            value = parse(self.bytes(name))
        except ValueError:
            bad(name, "it is not canonical JSON")
        version = get(value, "format")
        if is_number(version) and version > FORMAT:
            raise Unsure("%s: newer schema: format %d" % (name, version))
        good = isinstance(value, dict) and set(value) - {"from", "incident", "until"} == {
            "files", "format", "key", "missing", "origin", "runs", "scope", "size"} and version == FORMAT
        good = good and all(isinstance(value[key], str) for key in ("key", "origin", "scope")) and is_number(value["size"])
        good = good and all(isinstance(value[key], list) for key in ("files", "missing", "runs"))
        good = good and all(is_number(run) for run in value["missing"] + value["runs"])
        good = good and all(
            isinstance(listed, dict) and set(listed) == {"bytes", "name", "sha256"} and is_number(listed["bytes"]) and
            isinstance(listed["name"], str) and isinstance(listed["sha256"], str) for listed in value["files"])
        if not good or isinstance(version, bool) or not is_scope(value):
            bad(name, "it has not the form of a manifest")
        self.incident, self.begins, self.until = value.get("incident"), value.get("from"), value.get("until")
        self.list, self.origin, self.runs, self.missing = value["files"], value["origin"], value["runs"], value["missing"]
        self.scope, self.size = value["scope"], value["size"]
        self.key = hash_of(value["key"])
        if self.key is None:
            bad(name, "its key is none")

    def listed(self):
        before, own = "", ("manifest.json", "manifest.sshsig")
        for listed in self.list:
            name = listed["name"]
            if name <= before or not is_name(name) or name in own:
                bad("manifest.json", "its list of files is not in order")
            before, data = name, self.bytes(name)
            if len(data) != listed["bytes"] or sha256_hex(data) != listed["sha256"]:
                bad(name, "it is not what the manifest says")
        if len(self.files) != len(self.list) + 2:
            known = {listed["name"] for listed in self.list}
            extra = [name for name in sorted(self.files) if name not in known and name not in own]
            bad(extra[0] if extra else "manifest.json", "the manifest does not list it")

    def checkpoint(self):
        self.text("checkpoint")
        try:
            size, self.root, text = read_note(self.bytes("checkpoint"), self.origin, self.key)
        except ValueError as error:
            bad("checkpoint", str(error))
        if size != self.size:
            bad("checkpoint", "it is of another number of events than the manifest says")
        if self.bytes("checkpoint.body") != text.encode():
            bad("checkpoint.body", "it is not the text of the checkpoint")
        if not own_ssh_holds(self.key, CHECKPOINT_NAMESPACE, text.encode(), self.text("checkpoint.sshsig")):
            bad("checkpoint.sshsig", "the ledger's key has not signed the checkpoint")

    def read_leaves(self):
        file, data, self.leaves = "leaves.jsonl", self.bytes("leaves.jsonl"), []
        if not data.endswith(b"\n"):
            bad(file, "its last line is not whole")
        for at, line in enumerate(data[:-1].split(b"\n")):
            where = "line %d: " % (at + 1)
            if len(line) > LEAF_BYTES_MAX:
                bad(file, where + "it is longer than a leaf may be")
            try:
                parse(line)
            except ValueError:
                bad(file, where + "it is not canonical JSON")
            try:
                leaf = Leaf(line)
            except Unsure as newer:
                raise Unsure("%s: %s%s" % (file, where, newer))
            except ValueError:
                bad(file, where + "it has not the form of a leaf")
            if self.leaves and self.leaves[-1].index >= leaf.index:
                bad(file, where + "it is not in the order of events")
            if leaf.index >= self.size:
                bad(file, where + "it lies behind the signed head")
            self.leaves.append(leaf)

    def genesis(self):
        file, leaf = "leaves.jsonl", self.leaves[0]
        if leaf.index != 0:
            bad(file, "event 0 is not there")
        origin, key, form = (leaf.body.get(name) for name in ("origin", "key", "format"))
        if leaf.kind != "ledger.created" or not isinstance(origin, str) or not origin.startswith(
                "quarterdeck/") or hash_of(key) is None or not is_number(form):
            bad(file, "event 0: it does not say what it must")
        if origin != self.origin or hash_of(key) != self.key:
            bad(file, "event 0: it names another ledger or key")

    def tree(self):
        file, text = "nodes.txt", self.text("nodes.txt")
        if text and not text.endswith("\n"):
            bad(file, "a line is no hash")
        others = [hash_of(line) for line in text[:-1].split("\n")] if text else []
        if None in others:
            bad(file, "a line is no hash")
        rest = iter(others)
        try:
            root = root_of([(leaf.index, leaf.hash) for leaf in self.leaves], 0, self.size, rest)
        except StopIteration:
            root = None
        if root != self.root or next(rest, None) is not None:
            bad(file, "with the events it does not make the root that was signed")

    def links(self):
        before = None
        for leaf in self.leaves:
            where = "event %d: " % leaf.index
            if before is None and leaf.index == 0 and leaf.prev is not None:
                bad("leaves.jsonl", where + "it has one before it")
            if before is not None:
                if before.index + 1 == leaf.index and leaf.prev != before.hash:
                    bad("leaves.jsonl", where + "its `prev` is not the hash of the event before")
                if before.at > leaf.at:
                    bad("leaves.jsonl", where + "time goes back")
            before = leaf

    def runs_whole(self):
        last = {run: None for run in self.runs}
        for leaf in self.leaves:
            if leaf.run is None or leaf.run[0] not in last:
                continue
            run, seq, prev, end = leaf.run
            where, before = "event %d: " % leaf.index, last[run]
            if before and before[2]:
                bad("leaves.jsonl", where + "it stands behind the end of run %d" % run)
            if seq != (before[0] + 1 if before else 1):
                bad("leaves.jsonl", where + "an event is missing before it, or twice there, of run %d" % run)
            if prev != (before[1] if before else None):
                bad("leaves.jsonl", where + "it is not linked to the event before of run %d" % run)
            last[run] = (seq, leaf.hash, end)
        for run in sorted(last):
            if last[run] is None:
                bad("leaves.jsonl", "no event of run %d is there" % run)

    def scope_whole(self):
        if self.scope == "incident":
            self.incident_whole()
        elif self.scope == "period":
            self.period_whole()

    def incident_whole(self):
        begun = over = False
        for leaf in self.leaves:
            where = "event %d: " % leaf.index
            broke = leaf.kind == "glass_broken" and number_of(leaf.body.get("incident")) == self.incident
            if broke and leaf.run is not None and leaf.run[0] not in self.runs:
                bad("leaves.jsonl", where + "run %d broke glass for incident %d and is not here whole" % (leaf.run[0], self.incident))
            if not leaf.of_incident(self.incident):
                continue
            if over:
                bad("leaves.jsonl", where + "it stands behind the end of incident %d" % self.incident)
            if (leaf.act() == "opened") == begun:
                bad("leaves.jsonl", where + "incident %d does not begin once, and first of all" % self.incident)
            begun, over = True, leaf.act() == "closed"
        if not begun:
            bad("leaves.jsonl", "no event of incident %d is there" % self.incident)

    def period_whole(self):
        """From the last event before the period to the first one after it, or to the head, each follows the one before."""
        inside = [leaf for leaf in self.leaves if leaf.at >= self.begins]
        following = max([leaf.index + 1 for leaf in self.leaves if leaf.at < self.begins], default=0)
        for leaf in inside:
            if leaf.index != following:
                bad("leaves.jsonl", "event %d of the period is not there" % following)
            if leaf.at >= self.until:
                return
            if leaf.run is not None and leaf.run[0] not in self.runs:
                bad("leaves.jsonl", "event %d: run %d has it in the period and is not here whole" % (following, leaf.run[0]))
            following += 1
        if following != self.size:
            bad("leaves.jsonl", "event %d of the period is not there" % following)

    def is_over(self):
        """Whether nothing can be added any more behind the signed head."""
        if self.scope == "period":
            return any(leaf.at >= self.until for leaf in self.leaves)
        ended = {leaf.run[0] for leaf in self.leaves if leaf.run is not None and leaf.run[3]}
        if not all(run in ended for run in self.runs):
            return False
        return self.scope == "run" or any(leaf.of_incident(self.incident) and leaf.act() == "closed" for leaf in self.leaves)

    def details(self):
        file, rows, found, erased = "details.jsonl", self.rows("details.jsonl"), {}, []
        at = 0
        for leaf in self.leaves:
            for name in sorted(leaf.commitments):
                where = "event %d: detail %s " % (leaf.index, name)
                row = rows[at] if at < len(rows) else None
                at += 1
                if get(row, "i") != leaf.index or isinstance(get(row, "i"), bool) or get(row, "name") != name:
                    bad(file, where + "is not there")
                state = text_of(row.get("state"))
                if state == "erased":
                    erased.append((leaf.index, name))
                elif state == "withheld":
                    pass
                elif state is not None:
                    bad(file, where + "has not the form of one")
                else:
                    salt, value = hash_of(row.get("salt")), value_of(row)
                    if salt is None or value is None:
                        bad(file, where + "has not the form of one")
                    made = hmac.new(salt, leaf.kind.encode() + b"\x00" + value, hashlib.sha256).digest()
                    if made != leaf.commitments[name]:
                        bad(file, where + "is not what the event commits to")
                    self.told += 1
                    found[(leaf.index, name)] = value
        if at < len(rows):
            bad(file, "a detail that no event commits to")
        recorded = set()
        for leaf in self.leaves:
            if leaf.kind == "detail.erased":
                recorded |= erasures(leaf.body)
        for index, name in erased:
            if (index, name) not in recorded:
                bad(file, "event %d: detail %s is said to be erased, and no event records it" % (index, name))
        return found

    def kinds(self):
        for leaf in self.leaves:
            if leaf.kind not in KINDS:
                self.unsure("leaves.jsonl: event %d: newer schema: unknown kind %s" % (leaf.index, leaf.kind))

    def bindings(self, details):
        bindings = {}
        for leaf in self.leaves:
            if leaf.run is None or leaf.run[0] not in self.runs:
                continue
            run, binding = leaf.run[0], text_of(leaf.body.get("binding")) or ""
            if leaf.kind == "run_proposed":
                bindings[run] = binding
                plan = details.get((leaf.index, "plan"))
                if plan is not None:
                    made = sha256_hex(b"quarterdeck-binding-v1\x00" + plan.decode("utf-8", "replace").encode())
                    if made != binding:
                        bad("details.jsonl", "event %d: the plan is not the one of its binding" % leaf.index)
                name = "run-%d-plan.json" % run
                if name in self.files and self.files[name] != plan:
                    bad(name, "it is not the plan that was recorded")
            if leaf.kind == "voted" and bindings.get(run) != binding:
                bad("leaves.jsonl", "event %d: a vote on another binding than the run's" % leaf.index)

    def outputs(self):
        for run in self.runs:
            name, expected = "run-%d-output.jsonl" % run, []
            for leaf in self.leaves:
                if leaf.kind == "ended" and leaf.of(run):
                    count = get(leaf.body, "output", "bytes")
                    if is_number(count) and count > 0:
                        sha256 = text_of(get(leaf.body, "output", "sha256")) or ""
                        expected.append((leaf.index, lane(leaf.body), count, sha256))
            if run in self.missing:
                if expected:
                    self.unsure("%s: what run %d printed is not here: its transcript was gone" % (name, run))
                continue
            printed = {}
            if name in self.files:
                for at, row in enumerate(self.rows(name)):
                    value = value_of(row)
                    if value is None:
                        bad(name, "line %d has not the form of output" % (at + 1))
                    printed.setdefault(lane(row), []).append(value)
            printed, taken = {key: b"".join(parts) for key, parts in printed.items()}, {}
            for index, key, count, sha256 in expected:
                start = taken.get(key, 0)
                part = printed.get(key, b"")[start:start + count]
                if len(part) != count or sha256_hex(part) != sha256:
                    bad(name, "event %d: what it printed is not what was recorded" % index)
                taken[key] = start + count

    def approvals(self, details):
        file, statements = "signatures.jsonl", {}
        for row in self.rows(file):
            index, statement = get(row, "i"), text_of(get(row, "statement"))
            if not is_number(index) or statement is None:
                bad(file, "a line has not the form of a statement")
            if statement in statements.values():
                bad(file, "event %d: one statement stands for two approvals" % index)
            if index in statements:
                bad(file, "event %d: it has two statements" % index)
            statements[index] = statement
        bindings = {}
        for leaf in self.leaves:
            if leaf.run is not None and isinstance(leaf.body.get("binding"), str):
                bindings[leaf.run[0]] = leaf.body["binding"]
            key = text_of(get(leaf.body, "proved", "key"))
            if key is None:
                continue
            armour, statement = details.get((leaf.index, "signature")), statements.pop(leaf.index, None)
            where = "event %d: " % leaf.index
            if armour is None:
                continue
            if statement is None:
                bad(file, where + "what was signed is not there")
            binding = bindings.get(leaf.run[0], "") if leaf.run else ""
            if not is_statement(statement, leaf, binding, self.origin):
                bad(file, where + "what was signed is another approval")
            try:
                found = approval_key(statement, armour.decode("utf-8", "replace"))
            except (ValueError, UnicodeError) as error:
                bad(file, where + "the signature does not hold: %s" % error)
            if found.hex() != key:
                bad(file, where + "another key has signed it")
            self.signed += 1
        for index in sorted(statements):
            bad(file, "event %d: a statement of no signed approval" % index)

    def since(self):
        if self.known is None:
            return
        try:
            size, root, _ = read_note(self.known, self.origin, self.key)
        except (ValueError, UnicodeError) as error:
            bad("checkpoint", "the checkpoint you hold is none of this ledger: %s" % error)
        if size > self.size:
            bad("checkpoint", "it is of %d events, and the checkpoint you hold of %d: events were cut off" % (self.size, size))
        if size == self.size:
            if root != self.root:
                bad("checkpoint", "another history of the same length than the one you hold: a fork")
            return
        file = "consistency.jsonl"
        for row in self.rows(file):
            if get(row, "from") != size or isinstance(get(row, "from"), bool):
                continue
            path = get(row, "path")
            path = [hash_of(line) for line in path] if isinstance(path, list) else [None]
            if None in path or not continues(size, root, self.size, self.root, path):
                bad(file, "it does not continue the checkpoint of %d events that you hold" % size)
            return
        self.unsure("%s: no proof from %d events is here: export it with --since %d" % (file, size, size))

    def whole(self):
        if self.known is not None:
            if read_note(self.known, self.origin, self.key)[0] == self.size:
                return
        if self.is_over():
            return
        self.unsure("checkpoint: cannot exclude truncation after %d events: hold it against a later checkpoint" % self.size)


def value_of(row):
    """The bytes of a line: as text where they are text, else in base64."""
    if not isinstance(row, dict) or ("text" in row) == ("b64" in row):
        return None
    if "text" in row:
        return row["text"].encode("utf-8") if isinstance(row["text"], str) else None
    try:
        return b64(row["b64"])
    except (ValueError, AttributeError, UnicodeError):
        return None


def lane(value):
    return canonical([get(value, "slot"), get(value, "attempt")])


def erasures(body):
    of = body.get("of")
    if not isinstance(of, list):
        return set()
    pairs = [(get(pair, "i"), get(pair, "name")) for pair in of]
    if not all(is_number(index) and isinstance(name, str) for index, name in pairs):
        return set()
    return set(pairs)


def is_statement(text, leaf, binding, origin):
    """Whether a signed text is the statement of just this approval."""
    if len(text.encode()) > STATEMENT_BYTES_MAX or get(leaf.body, "choice") != "approve" or leaf.run is None:
        return False
    gate = r"gate: ([1-9][0-9]{0,4}|0)\nasked: (0|-?[1-9][0-9]{0,18})\n" if leaf.kind == "gate_answered" else ""
    person = get(leaf.by, "person", "person")
    if not isinstance(person, str):
        return False
    pattern = "quarterdeck approval v1\norigin: %s\nrun: %d\nbinding: %s\n" % (re.escape(origin), leaf.run[0], re.escape(binding))
    pattern += gate + "choice: approve\nperson: %s\nnth: (0|[1-9][0-9]{0,9})\n" % re.escape(person)
    return re.fullmatch(pattern, text) is not None


def judge(read, since=None):
    """Exit status and words for a pack; `read` gives its files."""
    try:
        return 0, Pack(read(), since).verify()
    except Bad as error:
        return 1, "TAMPERED: %s" % error
    except Unsure as error:
        return 2, "cannot tell: %s" % error


def main(arguments):
    since = None
    if len(arguments) == 3 and arguments[1] == "--since":
        with open(arguments[2], "rb") as file:
            since = file.read(NOTE_BYTES_MAX + 1)
        arguments = arguments[:1]
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 64
    path = arguments[0]

    def read():
        if os.path.isdir(path):
            return read_directory(path)
        with open(path, "rb") as file:
            data = file.read(PACK_BYTES_MAX + 1)
        if len(data) > PACK_BYTES_MAX:
            bad("the archive", "it is too long for a pack")
        return read_archive(data)

    try:
        code, words = judge(read, since)
    except OSError as error:
        code, words = 2, "cannot tell: %s" % error
    print("".join(letter if letter.isprintable() else "?" for letter in words))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
