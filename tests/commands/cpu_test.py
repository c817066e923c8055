"""Tests the choice of the kernels: --cpu, TWICE_CPU, and runs and sweeps that go on with their kernels."""

import re

from program import CommandTest, main, read_safetensors

TINY = ["--data", "digits", "--width", 16, "--batch", 128, "--schedule", "constant", "--threads", 1]
SWEEP = ["sweep", *TINY, "--epochs", 1, "--jobs", 1, "--out", "sweep"]


class Cpu(CommandTest):
    def setUp(self):
        super().setUp()
        _, _, errors = self.run_twice("data", environment={"TWICE_CPU": "mmx"})
        self.kinds = re.search("expected (.*)", errors)[1].split(", ")
        if self.kinds == ["native"]:
            self.skipTest("this build has kernels for one CPU only")

    def train(self, run, *options, epochs=2, **environment):
        self.succeed("train", *TINY, "--epochs", epochs, "--out", run, *options, environment=environment)

    def state(self, run):
        return read_safetensors(self.folder / run / "checkpoint.safetensors")[0]

    def test_option_and_variable(self):
        self.train("widest")
        self.train("option", "--cpu", "portable")
        self.train("variable", TWICE_CPU="portable")
        self.train("both", "--cpu", self.kinds[-1], TWICE_CPU="portable")
        for run, kind in [("widest", self.kinds[-1]), ("option", "portable"), ("variable", "portable"),
                          ("both", self.kinds[-1])]:
            record = self.json(f"{run}/train.json")
            self.assertEqual((record["machine"]["kernels"], record["kernels"]), (kind, [kind]))
        self.assertEqual(self.state("option"), self.state("variable"))
        self.assertEqual(self.state("widest"), self.state("both"))
        if len(self.kinds) > 1:
            self.assertNotEqual(self.state("option"), self.state("widest"))

    def test_bad_words(self):
        self.refuse(2, ["TWICE_CPU: [cpu] no kernels for 'mmx' exist; expected portable"], "data",
                    environment={"TWICE_CPU": "mmx"})
        self.refuse(2, ["TWICE_CPU: [cpu] no kernels for 'native' run here"], "data",
                    environment={"TWICE_CPU": "native"})
        self.refuse(2, ["--cpu", "did you mean portable?"], "train", "--cpu", "portabel")
        if "avx512" not in self.kinds:
            self.refuse(2, ["--cpu: [cpu] no kernels for 'avx512' run here; expected portable"],
                        "train", "--cpu", "avx512")

    def test_a_run_goes_on_with_its_kernels(self):
        self.train("whole", "--cpu", "portable")
        self.train("run", "--cpu", "portable", epochs=1)
        self.succeed("train", "--resume", "--epochs", 2, "--out", "run")
        self.assertEqual(self.json("run/train.json")["kernels"], ["portable"])
        self.assertEqual(self.state("run"), self.state("whole"))
        if len(self.kinds) == 1:
            return
        other = self.kinds[-1]
        status, _, errors = self.run_twice("train", "--resume", "--epochs", 3, "--out", "run", "--cpu", other)
        self.assertEqual(status, 0)
        self.assertIn(f"used the kernels portable, the next ones use {other}", errors)
        self.assertEqual(self.json("run/train.json")["kernels"], ["portable", other])

    def test_a_sweep_goes_on_with_its_kernels(self):
        def kernels(seed):
            return self.json(f"sweep/exact-seed{seed}/train.json")["kernels"]

        self.succeed(*SWEEP, "--seeds", 1, "--cpu", "portable")
        self.succeed(*SWEEP, "--seeds", 2)
        self.assertEqual(kernels(2), ["portable"])
        if len(self.kinds) > 1:
            status, _, errors = self.run_twice(*SWEEP, "--seeds", 3, "--cpu", self.kinds[-1])
            self.assertEqual(status, 0)
            self.assertIn(f"used the kernels portable, these use {self.kinds[-1]}", errors)
            self.assertEqual(kernels(3), [self.kinds[-1]])
        record = self.folder / "sweep/sweep.json"
        record.write_text(re.sub(r'("kernels": \[\s*)"[a-z0-9]*"', r'\1"future"', record.read_text()))
        before = self.files()
        self.refuse(2, ["the kernels future, which this CPU cannot run: --cpu"], *SWEEP, "--seeds", 4)
        self.assertEqual(self.files(), before)


if __name__ == "__main__":
    main()
