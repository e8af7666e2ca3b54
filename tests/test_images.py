"""The sets of pictures: the embedded one, and those that are downloaded, whole or not at all."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import socket
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest
import torch
from torchvision import datasets

from helpers.paths import DataError
from helpers.pictures import load_images

MNIST_LIKE = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}


def md5(content):
    return hashlib.md5(content).hexdigest()


def idx(array):
    """Write bytes in the format of MNIST: what it is, the dimensions, the numbers."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


def make_parts(shape, seed=0):
    """Make pictures and labels of a training set of 200 and a test set of 50, in bytes."""
    random = np.random.default_rng(seed)
    parts = {}
    for name, count in (("train", 200), ("test", 50)):
        pictures = random.integers(0, 256, (count, *shape), dtype=np.uint8)
        parts[name] = pictures, np.resize(np.arange(10, dtype=np.uint8), count)
    return parts


def mnist_files(parts):
    """Give the contents of the four files of a set like MNIST."""
    return {
        f"{name}-{kind}-ubyte.gz": idx(array)
        for name, part in (("train", "train"), ("t10k", "test"))
        for kind, array in zip(("images-idx3", "labels-idx1"), parts[part], strict=True)
    }


def cifar_files(monkeypatch):
    """Make an archive like CIFAR-10's, and tell torchvision its MD5s."""
    parts = make_parts((3, 32, 32))
    inside = {"batches.meta": pickle.dumps({"label_names": [f"thing {i}" for i in range(10)]})}
    pictures, labels = parts["train"]
    for i in range(5):
        rows = slice(40 * i, 40 * i + 40)
        batch = {"data": pictures[rows].reshape(40, -1), "labels": labels[rows].tolist()}
        inside[f"data_batch_{i + 1}"] = pickle.dumps(batch)
    pictures, labels = parts["test"]
    batch = {"data": pictures.reshape(50, -1), "labels": labels.tolist()}
    inside["test_batch"] = pickle.dumps(batch)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in inside.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    source = datasets.CIFAR10
    sums = {name: md5(content) for name, content in inside.items()}
    monkeypatch.setattr(source, "train_list", [[n, sums[n]] for n, _ in source.train_list])
    monkeypatch.setattr(source, "test_list", [[n, sums[n]] for n, _ in source.test_list])
    monkeypatch.setattr(source, "meta", {**source.meta, "md5": sums["batches.meta"]})
    return parts, {source.filename: stream.getvalue()}


@pytest.fixture
def server():
    """Serve files on this machine, and break as told: `faults` maps a file to what befalls it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, body):
            name = self.path.rsplit("/", 1)[1]
            content = self.server.files.get(name)
            fault = self.server.faults.get(name)
            if content is None or fault == "missing":
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.server.fetched.append(name)
                if fault == "cut":
                    content = content[: len(content) // 2]
                elif fault == "changed":
                    content = content[:-1] + bytes([content[-1] ^ 1])
                self.wfile.write(content)
            return None

        def do_GET(self):
            self.answer(body=True)

        def do_HEAD(self):
            self.answer(body=False)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as it:
        it.files, it.faults, it.fetched = {}, {}, []
        it.url = f"http://127.0.0.1:{it.server_address[1]}/"
        threading.Thread(target=it.serve_forever, daemon=True).start()
        yield it
        it.shutdown()


@pytest.fixture(params=["mnist", "fashion_mnist", "cifar10"])
def archive(request, server, tmp_path, monkeypatch):
    """Have one set of made-up pictures on the server, and an empty data folder."""
    monkeypatch.setenv("LADDER_DATA", str(tmp_path))
    monkeypatch.delenv("LADDER_IMAGES", raising=False)
    name = request.param
    if name == "cifar10":
        parts, server.files = cifar_files(monkeypatch)
        (file,) = server.files
        monkeypatch.setattr(datasets.CIFAR10, "url", server.url + file)
        monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(server.files[file]))
        folder = tmp_path
    else:
        source = getattr(datasets, MNIST_LIKE[name])
        parts = make_parts((28, 28))
        server.files = mnist_files(parts)
        sums = [(file, md5(server.files[file])) for file, _ in source.resources]
        monkeypatch.setattr(source, "resources", sums)
        monkeypatch.setattr(source, "mirrors", [server.url])
        folder = tmp_path / source.__name__ / "raw"
    server.name, server.parts, server.folder = name, parts, folder
    return server


def check_images(images, archive):
    """Compare what was loaded with what the archive was made of, to the byte."""
    assert images.name == archive.name
    pictures, labels = (torch.from_numpy(a) for a in archive.parts["test"])
    shape = (1, 28, 28) if pictures.ndim == 3 else (3, 32, 32)
    assert torch.equal((images.test.inputs * 255).round().byte(), pictures.reshape(-1, *shape))
    assert torch.equal(images.test.targets, labels.long())
    assert (len(images.train.inputs), len(images.valid.inputs)) == (180, 20)
    rest = torch.cat([images.train.inputs, images.valid.inputs]).flatten(1).sum(dim=1)
    original = torch.from_numpy(archive.parts["train"][0]).flatten(1).float().sum(dim=1) / 255
    torch.testing.assert_close(rest.sort().values, original.sort().values)
    assert images.valid.targets.bincount().tolist() == [2] * 10
    for table in images[1:]:
        assert table.inputs.dtype == torch.float32
        assert table.targets.dtype == torch.int64
        assert 0 <= table.inputs.min() < table.inputs.max() <= 1
        assert len(table.class_names) == 10


# The embedded digits


def test_digits_are_the_default_and_split_without_overlap(monkeypatch):
    monkeypatch.delenv("LADDER_IMAGES", raising=False)
    images = load_images()
    assert images.name == "digits"
    assert [tuple(table.inputs.shape) for table in images[1:]] == [
        (1258, 1, 8, 8),
        (180, 1, 8, 8),
        (359, 1, 8, 8),
    ]
    assert not torch.equal(images.test.inputs, load_images(seed=1).test.inputs)
    assert torch.equal(images.test.inputs, load_images("digits").test.inputs)


def test_an_unknown_set_is_refused(monkeypatch):
    with pytest.raises(
        DataError, match=r"no set of pictures 'cats'; choose one of \['digits', 'mnist'"
    ):
        load_images("cats")
    monkeypatch.setenv("LADDER_IMAGES", "dogs")
    with pytest.raises(DataError, match="no set of pictures 'dogs'"):
        load_images()
    assert load_images("digits").name == "digits"  # what stands in the code goes first


# Downloads


def test_a_set_is_downloaded_once_and_read_to_the_byte(archive, capfd, monkeypatch):
    check_images(load_images(archive.name), archive)
    shown = capfd.readouterr()
    assert shown.out.count("downloading") == len(archive.files)
    assert "100" in shown.err  # per cent, on the progress bar
    assert set(archive.fetched) == set(archive.files)
    archive.fetched.clear()
    monkeypatch.setenv("LADDER_IMAGES", archive.name)  # one variable switches a whole lesson
    check_images(load_images(), archive)
    assert archive.fetched == []


def test_files_put_there_by_hand_need_no_network(archive):
    archive.folder.mkdir(parents=True, exist_ok=True)
    for name, content in archive.files.items():
        (archive.folder / name).write_bytes(content)
    check_images(load_images(archive.name), archive)
    assert archive.fetched == []


@pytest.mark.parametrize("archive", ["cifar10"], indirect=True)
def test_the_unpacked_files_are_enough(archive, tmp_path):
    load_images("cifar10")
    (tmp_path / datasets.CIFAR10.filename).unlink()
    archive.fetched.clear()
    check_images(load_images("cifar10"), archive)
    assert archive.fetched == []
    assert not (tmp_path / datasets.CIFAR10.filename).exists()


@pytest.mark.parametrize("archive", ["cifar10"], indirect=True)
@pytest.mark.parametrize("file", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("damage", [None, b"half"])
def test_a_damaged_or_missing_unpacked_file_is_unpacked_again(archive, tmp_path, file, damage):
    load_images("cifar10")
    path = tmp_path / datasets.CIFAR10.base_folder / file
    path.unlink()
    if damage:
        path.write_bytes(damage)
    archive.fetched.clear()
    check_images(load_images("cifar10"), archive)
    assert archive.fetched == []


class Malicious:
    """Unpickling this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("archive", ["cifar10"], indirect=True)
@pytest.mark.parametrize("file", ["data_batch_1", "batches.meta"])
def test_a_forged_file_of_cifar_is_replaced_before_it_could_run(archive, tmp_path, file):
    load_images("cifar10")
    path, mark = tmp_path / datasets.CIFAR10.base_folder / file, tmp_path / "executed"
    path.write_bytes(pickle.dumps(Malicious(mark)))
    check_images(load_images("cifar10"), archive)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Malicious(mark)))
    assert mark.exists()  # it would have run


@pytest.mark.parametrize("fault", ["missing", "cut", "changed"])
def test_a_download_that_fails_leaves_nothing_and_starts_again(archive, fault):
    last = list(archive.files)[-1]
    archive.faults[last] = fault
    with pytest.raises(DataError, match="cannot be downloaded") as caught:
        load_images(archive.name)
    says = str(caught.value)
    for part in (archive.name, last, str(archive.folder), "by hand", "load_images('digits')"):
        assert part in says
    assert f"{last} is not in" in says
    there = {p.name for p in archive.folder.iterdir()} if archive.folder.exists() else set()
    assert there == set(archive.files) - {last}
    archive.faults.clear()
    archive.fetched.clear()
    check_images(load_images(archive.name), archive)
    assert set(archive.fetched) == {last}  # what was whole is not fetched again


@pytest.mark.parametrize("damage", [b"", b"<html>sign in to this network</html>"])
def test_a_damaged_file_is_replaced_or_named_when_offline(archive, damage):
    archive.folder.mkdir(parents=True, exist_ok=True)
    last = list(archive.files)[-1]
    (archive.folder / last).write_bytes(damage)
    archive.faults[last] = "missing"
    with pytest.raises(DataError, match=f"{last} is damaged in"):
        load_images(archive.name)
    assert (archive.folder / last).read_bytes() == damage  # nothing that was there is lost
    archive.faults.clear()
    check_images(load_images(archive.name), archive)


def test_another_mirror_is_tried(archive, monkeypatch):
    if archive.name == "cifar10":
        pytest.skip("CIFAR-10 has one address")
    source = getattr(datasets, MNIST_LIKE[archive.name])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: refuses every connection
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        monkeypatch.setattr(source, "mirrors", [dead, archive.url])
        check_images(load_images(archive.name), archive)


def test_without_a_network_the_error_says_what_to_do(archive, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        if archive.name == "cifar10":
            monkeypatch.setattr(datasets.CIFAR10, "url", dead + next(iter(archive.files)))
        else:
            source = getattr(datasets, MNIST_LIKE[archive.name])
            monkeypatch.setattr(source, "mirrors", [dead])
        with pytest.raises(DataError, match=r"refused.*Connect to a network .* by hand; or use"):
            load_images(archive.name)
    assert socket.getdefaulttimeout() is None  # put back


def test_a_folder_that_cannot_be_written_is_named(archive, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(DataError, match=r"cannot write in .*No space left.*set LADDER_DATA"):
        load_images(archive.name)


def test_an_interrupted_download_leaves_nothing(archive, monkeypatch):
    def interrupt(url, folder, name, md5):
        (folder / name).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("torchvision.datasets.utils.download_url", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_images(archive.name)
    assert list(archive.folder.iterdir()) == []


def test_two_processes_may_read_one_set_at_once(archive, tmp_path):
    if archive.name == "cifar10":
        pytest.skip("its MD5s are patched in this process only")
    load_images(archive.name)
    source = MNIST_LIKE[archive.name]
    resources = getattr(datasets, source).resources
    code = (
        f"from torchvision import datasets; datasets.{source}.resources = {resources!r}\n"
        "from helpers.pictures import load_images\n"
        f"print(load_images({archive.name!r}).test.inputs.sum())"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=300)[0] for process in both]
    assert answers[0] == answers[1] != ""


def test_the_archives_torchvision_knows_are_those_of_the_messages():
    for source in (datasets.MNIST, datasets.FashionMNIST):
        assert len(source.resources) == 4
        assert all(
            file.endswith("-ubyte.gz") and len(sum_) == 32 for file, sum_ in source.resources
        )
