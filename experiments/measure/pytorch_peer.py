"""The process that `twice bench --peer pytorch` starts. It answers requests about the steps of
pytorch_methods.py.

It reads one JSON request per line from stdin and writes one JSON answer per line to stdout, until
stdin ends. It is a separate process, so that the threads and the memory of the two engines do not
disturb each other. An exception ends the process, and its last line on stderr gives the reason.
"""

import gc
import json
import math
import os
import re
import signal
import struct
import subprocess
import sys
import time

signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program that started us handles Ctrl-C
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # the output of a library must not look like an answer

try:
    import torch
except ImportError as error:
    print(json.dumps({"no_torch": str(error)}), file=answers, flush=True)
    sys.exit(1)

from pytorch_methods import ACTIVATIONS, METHODS, MODELS, Step, memory_formats, variant_name


def variants(request, array):
    """Every variant of every requested method, by method and name: its memory format, and the
    function that returns G."""
    formats = memory_formats(request["model"], array)
    return {m: {variant_name(way, last, formats): (last, gradient)
                for way, gradient in METHODS[m].items() for last in formats}
            for m in request["methods"]}


# ---- Files and memory ----

MAPS = "/proc/self/maps"
DTYPES = {"F32": torch.float32, "F64": torch.float64, "I32": torch.int32}


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        # No second copy, because a step that `memory` measures would use its memory again.
        data = bytearray(os.path.getsize(path) - file.tell())
        file.readinto(data)
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(data, dtype=DTYPES[entry["dtype"]], count=math.prod(entry["shape"]),
                                   offset=entry["data_offsets"][0]).reshape(entry["shape"])
            for name, entry in header.items()}


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
    """Numbers of /proc/self/status, in MiB."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return [int(fields[name].split()[0]) / 1024 for name in names]


# ---- Requests ----

class Peer:
    def hello(self, request):
        if request["malloc"] == "keep":
            # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD. Freed memory stays in the process, so the
            # system does not clear the same pages again at each step.
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
        """The file of PyTorch's BLAS. The OpenBLAS of NumPy or SciPy is left out."""
        name = "mkl_core" if torch.backends.mkl.is_available() else "openblas"
        with open(MAPS) as file:
            libraries = sorted({line.split()[-1] for line in file if "/" in line})
        found = [path for path in libraries if name in path.rsplit("/", 1)[-1]
                 and not re.search(r"/(numpy|scipy)(\.libs)?/", path)]
        return found[0] if found else "MKL within PyTorch" if name == "mkl_core" else "unknown"

    def package(self):
        """The version of the Debian package, if this PyTorch is Debian's. The library itself
        reports 1.13.0a0 for 1.13.1."""
        if not torch.__file__.startswith("/usr/lib/python3/dist-packages/"):
            return ""
        query = ["dpkg-query", "--show", "--showformat=${Version}", "python3-torch"]
        try:
            return subprocess.run(query, capture_output=True, text=True).stdout
        except OSError:
            return ""

    def model(self, request):
        """Builds all variants from the file's parameters and batch. Returns their names."""
        self.steps = None
        gc.collect()
        array = read_safetensors(request["file"]).__getitem__
        self.variants = variants(request, array)
        self.steps = {last: Step(request, array, last)
                      for last in memory_formats(request["model"], array)}
        return {"variants": {m: list(v) for m, v in self.variants.items()}}

    def variant(self, request):
        """The step of the requested variant, and the function that returns its G."""
        last, gradient = self.variants[request["method"]][request["variant"]]
        return self.steps[last], gradient

    def gradient(self, request):
        """Writes G in our layout, before any step has changed the parameters."""
        step, gradient = self.variant(request)
        G = gradient(step)
        write_safetensors(request["file"], {n: step.to_ours(v) for n, v in zip(step.names, G)})
        return {}

    def time(self, request):
        """The milliseconds of each step in `seconds`, after untimed steps for `lead` seconds."""
        step, gradient = self.variant(request)
        clock, times = time.perf_counter, []
        time.sleep(request["settle"])
        end = clock() + request["lead"]
        while clock() < end:
            step.update(gradient(step))
        end = clock() + request["seconds"]
        while not times or clock() < end:
            start = clock()
            step.update(gradient(step))
            times.append((clock() - start) * 1e3)
        return {"ms": times}

    def memory(self, request):
        """The MiB that two steps add to this process after PyTorch is loaded, the file is read and
        one small product is computed. Pages of files, such as library code, do not count."""
        t = torch.ones(4, 4, requires_grad=True)
        torch.autograd.grad((t @ t).sum(), t)
        array = read_safetensors(request["file"]).__getitem__
        last, gradient = variants(request, array)[request["method"]][request["variant"]]
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # resets the high-water mark
        before, file_before = memory(["VmRSS", "RssFile"])
        step = Step(request, array, last)
        for _ in range(2):
            step.update(gradient(step))
        most, file_after = memory(["VmHWM", "RssFile"])
        return {"mib": most - before - (file_after - file_before)}


def main():
    gc.disable()  # its pauses would count as PyTorch's time
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(getattr(peer, request["do"])(request)), file=answers, flush=True)


main()
