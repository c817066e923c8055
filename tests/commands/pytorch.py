"""Imports PyTorch for the tests that compare with it. `torch` is None if PyTorch is not installed."""

import sys
import unittest

try:
    import torch
except ImportError:
    torch = None

needs_pytorch = unittest.skipIf(
    torch is None, f"{sys.executable} has no PyTorch; with it: ./twice test --with pytorch")
