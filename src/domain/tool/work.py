# Does one piece of work with a program of this machine, for one try of one step of a run. WORK says what.
#
# Values of the form and secrets come as one JSON object on descriptor 3 and never stand in an argument, the environment or a
# file: a playbook reads them from a pipe, a login key goes to an agent of this process alone. All that is written lies in one
# private directory, which is removed at the end.
import hashlib, json, os, shutil, signal, stat, subprocess, sys, tempfile, threading, time

AGENT_WAIT_S = 5

# How long a file waits for the step that takes it.
KEPT_S = 7 * 24 * 3600

# As for what a signal ended: nobody saw how it ends.
UNSURE = 255

os.umask(0o077)
values = json.load(os.fdopen(3))


def say(words):
    print(words, file=sys.stderr, flush=True)


def leave(number, frame):
    raise SystemExit(128 + number)


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, leave)

room = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else tempfile.gettempdir()
place = tempfile.mkdtemp(prefix="quarterdeck-", dir=room)
started = []


def inside(path):
    return os.path.join(place, path)


def write(path, text):
    os.makedirs(os.path.dirname(inside(path)), exist_ok=True)
    with open(inside(path), "w", encoding="utf-8") as file:
        file.write(text)


def hand_over(path, text):
    """Makes a pipe that tells each who opens it this text, once, and keeps nothing."""
    os.mkfifo(inside(path))

    def tell():
        while True:
            with open(inside(path), "w", encoding="utf-8") as pipe:
                # Whoever comes next finds another pipe: in this one it would hear the text from its middle on, or twice.
                os.mkfifo(inside(path + ".next"))
                os.rename(inside(path + ".next"), inside(path))
                pipe.write(text)

    threading.Thread(target=tell, daemon=True).start()


def agent(key):
    """An agent that holds one key, for the programs started here."""
    socket = inside("agent")
    started.append(subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
    until = time.monotonic() + AGENT_WAIT_S
    while not os.path.exists(socket):
        if time.monotonic() > until or started[-1].poll() is not None:
            raise SystemExit("ssh-agent did not start")
        time.sleep(0.01)
    env["SSH_AUTH_SOCK"] = socket
    added = subprocess.run(["ssh-add", "-q", "-"], input=key.rstrip("\n").encode() + b"\n", env=env, stderr=subprocess.PIPE)
    if added.returncode != 0:
        raise SystemExit("the key is none that ssh-agent takes: " + added.stderr.decode(errors="replace").strip())


def shelf():
    """Where this account keeps files between two steps: its own, read by nobody else, and not for ever."""
    path = os.path.join(room, "quarterdeck-kept-%d" % os.getuid())
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SystemExit("%s is not this account's own: look who made it" % path)
    for name in os.listdir(path):
        kept = os.path.join(path, name)
        try:
            if os.lstat(kept).st_mtime < time.time() - KEPT_S:
                os.remove(kept)
        except FileNotFoundError:
            pass  # Another step of this account took it meanwhile.
    return path


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def keep(path):
    name = sha256(path)
    at = os.path.join(shelf(), name)
    shutil.copyfile(path, at + ".next")
    os.rename(at + ".next", at)
    print("plan sha256:" + name, flush=True)


def take(path, name):
    at = os.path.join(shelf(), name)
    if not os.path.exists(at):
        raise SystemExit("the plan that was approved is gone: it is kept for 7 days, not over a restart of the machine, and "
                         "carried out once")
    shutil.copyfile(at, path)
    if sha256(path) != name:
        raise SystemExit("the plan is not the one that was approved")
    return at


def run(words, out=None):
    words = [word.replace("@place@", place) for word in words]
    try:
        work = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, env=env, cwd=inside(WORK["begins"]))
    except OSError as error:
        raise SystemExit("cannot start %s: %s; name where it lies under [local.programs]" % (words[0], error.strerror))
    started.append(work)
    if out == subprocess.PIPE:
        for line in work.stdout:
            heard(line)
    return work.wait()


def heard(line):
    """What Terraform says of itself (its "machine-readable UI"), but for the changes: those are shown from the file that is kept."""
    try:
        said = json.loads(line)
        kind, words = said["type"], said["@message"]
    except (ValueError, KeyError, TypeError):
        return say(line.decode(errors="replace").rstrip("\n"))
    if kind in ("version", "planned_change", "change_summary", "resource_drift", "outputs"):
        return
    about = said.get("diagnostic") or {}
    at = about.get("range") or {}
    where = "%s line %s" % (at.get("filename"), at.get("start", {}).get("line")) if at else ""
    say("\n".join(part for part in (words, about.get("detail", ""), where) if part))


env = dict(os.environ, HOME=place, **{name: value.replace("@place@", place) for name, value in WORK["env"].items()})
status = 1
try:
    for path, text in WORK["enclosed"]:
        write(path, text)
    for path, text in WORK["made"]:
        write(path, text.replace("@place@", place))
    os.makedirs(inside(WORK["begins"]), exist_ok=True)
    for path, name in WORK["pipes"]:
        hand_over(path, values.pop(name))
    if WORK["key"]:
        agent(values.pop(WORK["key"]))
    if WORK["values"]:
        # `!unsafe`: what a person typed is a value, never a template. A JSON text is a YAML one.
        of = WORK["named"]
        lines = [json.dumps(name) + ": !unsafe " + json.dumps(value) + "\n" for name, value in values.items()]
        object = None if of is None else json.dumps({name: value for name, value in values.items() if name in of})
        hand_over(WORK["values"], object or "".join(lines) or "{}\n")
    taken = take(WORK["takes"][0].replace("@place@", place), WORK["takes"][1]) if WORK["takes"] else None
    for words in WORK["before"]:
        status = run(words, sys.stderr)
        if status != 0:
            raise SystemExit(status if status > 0 else 128 - status)
    status = run(WORK["words"], subprocess.PIPE if WORK["talks"] else None)
    if status in WORK["well"]:
        status = 0
    if status == 0 and taken:
        os.remove(taken)
    if status == 0 and WORK["keeps"]:
        keep(WORK["keeps"].replace("@place@", place))
    for words in WORK["after"] if status == 0 else []:
        status = run(words)
    if 0 < status < 128 and status & WORK["unsure"]:
        say("the way to a host broke: what was begun there may go on")
        status = UNSURE
    elif status == 0 and WORK["proof"] and not os.path.exists(inside(WORK["proof"])):
        say("nothing was done: no host of this run took part")
        status = 1
except SystemExit as left:
    if isinstance(left.code, str):
        say(left.code)
    else:
        status = left.code
finally:
    for one in started:
        if one.poll() is None:
            one.terminate()
    for one in started:
        one.wait()
    shutil.rmtree(place, ignore_errors=True)
sys.exit(status if status >= 0 else 128 - status)
