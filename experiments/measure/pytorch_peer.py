"""The process behind `twice bench --peer pytorch`: answers requests about the steps of
pytorch_methods.py.

One JSON request a line on stdin, one JSON answer a line on stdout; the end of stdin ends it. It is
a process of its own, so that neither side's threads or memory are in the other's way. An exception
ends it, with its last line on stderr as the reason.
"""

import gc
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started us
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever a library prints must not look like an answer

try:
    import torch
except ImportError as error:
    print(json.dumps({"no_torch": str(error)}), file=answers, flush=True)
    sys.exit(1)

from pytorch_methods import ACTIVATIONS, METHODS, MODELS, Step, memory_formats, variant_name


class Variants:
    """Every variant of every method that a request asks for, by method and name, ready to run."""

    def __init__(self, request, array):
        formats = memory_formats(request["model"], array)
        steps = {last: Step(request, array, last) for last in formats}
        self.table = {m: {variant_name(way, last, formats): (steps[last], gradient)
                          for way, gradient in METHODS[m].items() for last in formats}
                      for m in request["methods"]}

    def step(self, method, variant):
        step, gradient = self.table[method][variant]
        return lambda: step.update(gradient(step))


# ---- Files and memory ----

MAPS = "/proc/self/maps"
DTYPES = {"F32": torch.float32, "F64": torch.float64, "I32": torch.int32}


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        # No second copy: its memory would be used again by a step that `memory` measures.
        data = bytearray(os.path.getsize(path) - file.tell())
        file.readinto(data)
    header.pop("__metadata__", None)
    result = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        result[name] = (torch.frombuffer(data, dtype=dtype, offset=begin,
                                         count=(end - begin) // torch.empty(0, dtype=dtype).element_size())
                        .reshape(entry["shape"]))
    return result


def write_safetensors(path, tensors):
    header, end = {}, 0
    for name, t in tensors.items():
        begin, end = end, end + t.numel() * t.element_size()
        dtype = next(n for n, d in DTYPES.items() if d == t.dtype)
        header[name] = {"dtype": dtype, "shape": list(t.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            file.write(t.detach().numpy().tobytes())


def memory(names):
    """Lines of /proc/self/status, in MiB."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return [int(fields[name].split()[0]) / 1024 for name in names]


# ---- Requests ----

class Peer:
    def hello(self, request):
        if request["malloc"] == "keep":
            # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD: freed memory stays in the process, so that the
            # system need not clear the same pages again at each step.
            import ctypes
            ctypes.CDLL(None).mallopt(-3, 1 << 30)
            ctypes.CDLL(None).mallopt(-1, (1 << 31) - 1)
        torch.set_num_threads(request["threads"])
        return {"version": torch.__version__, "package": self.package(),
                "blas": self.blas(), "threads": torch.get_num_threads(),
                "onednn": torch.backends.mkldnn.is_available(),
                "cpus": len(os.sched_getaffinity(0)), "models": list(MODELS),
                "methods": list(METHODS), "activations": list(ACTIVATIONS)}

    def blas(self):
        """The file of PyTorch's BLAS. NumPy and SciPy bring an OpenBLAS of their own."""
        name = "mkl_core" if torch.backends.mkl.is_available() else "openblas"
        with open(MAPS) as file:
            libraries = sorted({line.split()[-1] for line in file if "/" in line})
        found = [path for path in libraries if name in path.rsplit("/", 1)[-1]
                 and not re.search(r"/(numpy|scipy)(\.libs)?/", path)]
        return found[0] if found else "MKL within PyTorch" if name == "mkl_core" else "unknown"

    def package(self):
        """The version of Debian's package, when this PyTorch is Debian's: the library's own name for
        1.13.1 is 1.13.0a0."""
        if not torch.__file__.startswith("/usr/lib/python3/dist-packages/"):
            return ""
        query = ["dpkg-query", "--show", "--showformat=${Version}", "python3-torch"]
        try:
            return subprocess.run(query, capture_output=True, text=True).stdout
        except OSError:
            return ""

    def model(self, request):
        """Builds everything from the file's parameters and batch; the names of the variants."""
        self.variants = None
        gc.collect()
        self.variants = Variants(request, read_safetensors(request["file"]).__getitem__)
        return {"variants": {m: list(v) for m, v in self.variants.table.items()}}

    def gradient(self, request):
        """Writes G, in our layout, before any step has moved the parameters."""
        step, gradient = self.variants.table[request["method"]][request["variant"]]
        G = gradient(step)
        write_safetensors(request["file"], {n: step.to_ours(v) for n, v in zip(step.names, G)})
        return {}

    def time(self, request):
        """Milliseconds of each step in `seconds`, after untimed steps for `lead` seconds."""
        step = self.variants.step(request["method"], request["variant"])
        clock, times = time.perf_counter, []
        time.sleep(request["settle"])
        end = clock() + request["lead"]
        while clock() < end:
            step()
        end = clock() + request["seconds"]
        while not times or clock() < end:
            start = clock()
            step()
            times.append((clock() - start) * 1e3)
        return {"ms": times}

    def memory(self, request):
        """What two steps need beyond this process with PyTorch loaded, the file read and one small
        product done. Pages of files, which are libraries' code, do not count."""
        t = torch.ones(4, 4, requires_grad=True)
        torch.autograd.grad((t @ t).sum(), t)
        arrays = read_safetensors(request["file"])
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the high-water mark starts anew
        before, file_before = memory(["VmRSS", "RssFile"])
        last = "channels last" in request["variant"]
        way = request["variant"].split(", channels")[0].replace("plain", "")
        step = Step(request, arrays.__getitem__, last)
        gradient = METHODS[request["method"]].get(way) or METHODS[request["method"]][""]
        for _ in range(2):
            step.update(gradient(step))
        most, file_after = memory(["VmHWM", "RssFile"])
        return {"mib": most - before - (file_after - file_before)}


def main():
    gc.disable()  # its pauses would be counted as PyTorch's
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(getattr(peer, request["do"])(request)), file=answers, flush=True)


main()
