# Does one piece of work with a program of this machine, for one try of one step of a run. WORK says what.
#
# Values of the form and secrets come as one JSON object on descriptor 3 and never stand in an argument, the environment or a
# file: a playbook reads them from a pipe, a login key goes to an agent of this process alone. All that is written lies in one
# private directory, which is removed at the end.
import json, os, shutil, signal, subprocess, sys, tempfile, threading, time

AGENT_WAIT_S = 5

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

room = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
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
        lines = [json.dumps(name) + ": !unsafe " + json.dumps(value) + "\n" for name, value in values.items()]
        hand_over(WORK["values"], "".join(lines) or "{}\n")
    words = [word.replace("@place@", place) for word in WORK["words"]]
    try:
        work = subprocess.Popen(words, stdin=subprocess.DEVNULL, env=env, cwd=inside(WORK["begins"]))
    except OSError as error:
        raise SystemExit("cannot start %s: %s; name where it lies under [local.programs]" % (words[0], error.strerror))
    started.append(work)
    status = work.wait()
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
