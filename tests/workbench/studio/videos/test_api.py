"""What the server tells of an agent's insight."""

import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from tests.workbench.studio.conftest import ZOO, Server

VIDEO = "1500880_0"
BASE = f"/api/insight/zoo:grid-memory/{VIDEO}"


class Answer:
    """What a server said."""

    def __init__(self, status_code, headers, content):
        self.status_code, self.headers, self.content = status_code, headers, content

    @property
    def text(self):
        return self.content[:200].decode(errors="replace")

    def json(self):
        return json.loads(self.content)


class Client:
    """Asks one server."""

    def __init__(self, url):
        self._host = url.removeprefix("http://")

    def get(self, address):
        with closing(HTTPConnection(self._host, timeout=60)) as connection:
            connection.request("GET", quote(address, safe="/?&=:%"))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())


@contextmanager
def client_over(folder):
    with Server(folder) as server:
        yield Client(server.url)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The zoo, by one name for each run wherever it lies."""
    folder = tmp_path_factory.mktemp("runs")
    zoo = folder / "zoo"
    zoo.mkdir()
    for name in ("grid-memory", "grid-memory-feedforward", "connect-four"):
        shutil.copytree(ZOO / name, zoo / name)
    with client_over(folder) as client:
        yield client


def picture(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_the_overview_tells_what_happened(client):
    facts = client.get(BASE).json()
    assert facts["videos"] == [VIDEO]
    assert facts["frames"] == len(facts["value"]) == len(facts["surprise"]) == 11
    assert facts["checkpoint"] == {"asked": 1_500_880, "used": 1_500_880}
    assert [(e["t"], e["kind"]) for e in facts["events"]][-2:] == [(10, "reward"), (10, "end")]
    trace = json.loads((ZOO / "grid-memory/videos" / f"{VIDEO}.json").read_text())
    assert facts["value"] == [step["values"][0] for step in trace["steps"]]


def test_the_agent_says_what_it_is(client):
    facts = client.get(f"{BASE}/agent").json()
    assert facts["note"] is None
    assert facts["sees_screen"] is False  # but what lies around it
    assert facts["memory_units"] == 256
    assert facts["kernels"] == 32
    assert facts["observation"] == {"height": 24, "width": 24, "frames": 1, "channels": 3}
    assert facts["screen"]["frame_width"] == 624
    shown = client.get(BASE).json()["screen"]  # of a trace that does not tell
    assert shown == facts["screen"]


@pytest.mark.parametrize("of", ["choice", "value"])
def test_saliency_is_an_overlay_of_the_observations_size(client, of):
    overlay = picture(client.get(f"{BASE}/saliency?t=5&of={of}"))
    assert overlay.shape == (24, 24, 4)
    assert overlay[..., 3].max() > 200
    assert overlay[..., 3].min() < 100


def test_pictures_of_the_network_have_their_sizes(client):
    assert picture(client.get(f"{BASE}/memory")).shape == (256, 11, 3)
    assert picture(client.get(f"{BASE}/observation?t=10")).shape == (24, 24, 3)
    assert picture(client.get(f"{BASE}/activations?t=0")).shape == (4 * 4 - 1, 8 * 4 - 1, 3)
    filters = picture(client.get("/api/insight/zoo:grid-memory/filters"))
    assert filters.shape == (2 * 9 - 1, 16 * 9 - 1, 3)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"{BASE}/saliency", 400),
        (f"{BASE}/saliency?t=11", 400),
        (f"{BASE}/saliency?t=-1", 400),
        (f"{BASE}/saliency?t=1.5", 400),
        (f"{BASE}/saliency?t=x", 400),
        (f"{BASE}/saliency?t={'9' * 400}", 400),
        (f"{BASE}/saliency?t=²", 400),
        (f"{BASE}/saliency?t=1&of=all", 400),
        (f"{BASE}/activations?t=11", 400),
        (f"{BASE}/observation?t=", 400),
        (f"{BASE}/nothing", 404),
        ("/api/insight/zoo:grid-memory/1_0", 404),
        ("/api/insight/zoo:grid-memory/1_0/saliency?t=1", 404),
        ("/api/insight/zoo:grid-memory/..%2f..%2fconfig/agent", 404),
        ("/api/insight/zoo:grid-memory/filters?checkpoint=x", 400),
        ("/api/insight/nobody/filters", 404),
        ("/api/insight/nobody/1_0/memory", 404),
        ("/api/insight/zoo:grid-memory-feedforward/1500880_0/memory", 404),
        ("/api/insight/zoo:connect-four/640000_0", 400),
        ("/api/insight/zoo:connect-four/640000_0/agent", 400),
        ("/api/insight/zoo:connect-four/filters", 400),
    ],
)
def test_what_cannot_be_answered_is_said(client, address, status):
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]


@pytest.fixture
def broken(tmp_path):
    """A copy that may be broken, and its client."""
    run = tmp_path / "shown/run"
    shutil.copytree(ZOO / "grid-memory", run)
    with client_over(tmp_path / "shown") as client:
        yield run, client


def every_answer(client):
    base = f"/api/insight/run/{VIDEO}"
    addresses = [base, f"{base}/agent", f"{base}/saliency?t=1", f"{base}/memory"]
    return [client.get(a) for a in [*addresses, "/api/insight/run/filters"]]


def test_a_checkpoint_that_is_gone_is_replaced_by_the_nearest(broken):
    run, client = broken
    (run / "checkpoints/1500880").rename(run / "checkpoints/1400000")
    assert all(answer.status_code == 200 for answer in every_answer(client))
    facts = client.get(f"/api/insight/run/{VIDEO}").json()
    assert facts["checkpoint"] == {"asked": 1_500_880, "used": 1_400_000}
    agent = client.get(f"/api/insight/run/{VIDEO}/agent").json()
    assert agent["checkpoint"] == 1_400_000
    assert "nearest one" in agent["note"]


def break_weights(run):
    path = run / "checkpoints/1500880/model.safetensors"
    path.write_bytes(b"x" + path.read_bytes()[1:])


def break_meta(run):
    (run / "checkpoints/1500880/meta.json").write_text("{")


def remove_checkpoints(run):
    shutil.rmtree(run / "checkpoints")


def lead_checkpoint_out(run):
    elsewhere = run.parents[1] / "elsewhere"
    (run / "checkpoints/1500880").rename(elsewhere)
    (run / "checkpoints/1500880").symlink_to(elsewhere)


def break_config(run):
    (run / "config.yaml").write_text("agent: {kind: ppo}\n")


def shrink_network(run):
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("core_size: 256", "core_size: 64"))


def change_world(run):
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("MemoryS9", "MemoryS7"))


def break_trace(run):
    (run / f"videos/{VIDEO}.json").write_text('{"steps": [{}]}')


def remove_trace(run):
    (run / f"videos/{VIDEO}.json").unlink()


@pytest.mark.parametrize(
    ("damage", "fails"),
    [
        (break_weights, {1, 2, 3, 4}),
        (break_meta, {1, 2, 3, 4}),
        (remove_checkpoints, {1, 2, 3, 4}),
        (lead_checkpoint_out, {0, 1, 2, 3, 4}),
        (break_config, {0, 1, 2, 3, 4}),
        (shrink_network, {1, 2, 3}),
        (change_world, {1, 2, 3}),
        (break_trace, {0, 1, 2, 3}),
        (remove_trace, {0, 1, 2, 3}),
    ],
)
def test_what_is_damaged_is_told_and_never_a_failure(broken, damage, fails):
    run, client = broken
    damage(run)
    answers = every_answer(client)
    assert {i for i, answer in enumerate(answers) if answer.status_code != 200} == fails
    for i in fails:
        assert 400 <= answers[i].status_code < 500, answers[i].text
        assert answers[i].json()["error"]


def test_a_crowd_is_answered_or_told_to_come_again(client):
    def ask(t):
        return client.get(f"{BASE}/saliency?t={t % 11}").status_code

    with ThreadPoolExecutor(40) as pool:
        seen = list(pool.map(ask, range(80)))
    assert set(seen) <= {200, 503}
    assert 200 in seen
    assert ask(3) == 200
