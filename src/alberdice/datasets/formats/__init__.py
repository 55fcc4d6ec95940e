"""Formats of other packages: what each holds, read without loss or with a note, never with a guess.

csv, parquet   logs of episodes, a row per step or per agent and step              read
pymarl         padded NumPy arrays per episode (the paper authors' layout)          read, write
vault          Flashbax Vault as OG-MARL publishes them                             read, write
cfcql          padded arrays in one HDF5 file                                       read
madt           MADT's episodes, a file of torch.save each                          read
minari         Minari datasets that others made                                     read (write: the native store)
joint-actions  a table of one-step joint actions with rewards, CSV or JSON          read, write
"""

from alberdice.datasets.formats.cfcql import read_cfcql
from alberdice.datasets.formats.joint_actions import read_joint_actions, write_joint_actions
from alberdice.datasets.formats.log import UnderstoodLog, read_log, understand_log
from alberdice.datasets.formats.madt import read_madt
from alberdice.datasets.formats.minari_foreign import read_minari
from alberdice.datasets.formats.pymarl import read_pymarl, write_pymarl
from alberdice.datasets.formats.vault import read_vault
from alberdice.datasets.formats.vault_write import write_vault

__all__ = [
    "UnderstoodLog",
    "read_cfcql",
    "read_joint_actions",
    "read_log",
    "read_madt",
    "read_minari",
    "read_pymarl",
    "read_vault",
    "understand_log",
    "write_joint_actions",
    "write_pymarl",
    "write_vault",
]
