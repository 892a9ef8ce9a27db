"""A real one-node SLURM cluster on this machine, with accounting and two GPUs that are only files.

Made of Debian's slurm-wlm, munge, slurmdbd and mariadb-server, all on loopback and in one folder, but
for /etc/slurm, where the commands look for their configuration. Needs root and an empty /etc/slurm.
"""

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd")
ETC = Path("/etc/slurm")
CONFIGURATION = ("slurmdbd.conf", "slurm.conf", "gres.conf")
CPUS = 4
ACCOUNT = "lab"

SLURMDBD_CONF = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdPort=16819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=slurm
StoragePass=slurm
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
"""

# OverMemoryKill stands in for the memory cgroup that a real cluster has; KillWait is the time between
# SIGTERM and SIGKILL; a requeued job waits for cred_expire seconds; CPUs are more than there are, so that
# jobs need not wait for each other.
SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=0,bf_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=16819
AccountingStoragePass={folder}/munge/socket
AccountingStorageEnforce=associations,limits,qos
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=10
OverTimeLimit=0
JobRequeue=1
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 Gres=gpu:fake:2
PartitionName=main Nodes={host} Default=YES MaxTime=1440 State=UP
"""

GRES_CONF = "NodeName={host} Name=gpu Type=fake File={folder}/gpu[0-1]\n"


def missing() -> str | None:
    """Why a cluster cannot be started here; None if it can."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (Debian: slurm-wlm munge slurmdbd mariadb-server)"
    if os.geteuid() != 0:
        return "starting SLURM needs root"
    if (ETC / "slurm.conf").is_symlink() and run("scontrol", "ping").returncode != 0:
        for name in CONFIGURATION:  # a test run that was killed left them
            (ETC / name).unlink(missing_ok=True)
    if (ETC / "slurm.conf").exists():
        return f"{ETC}/slurm.conf exists: this machine belongs to a cluster, which a test must not touch"
    return None


class Cluster:
    """Start on entering, stop on leaving."""

    def __init__(self, folder: Path):
        self.folder, self._daemons, self._modes = folder, [], {}

    def __enter__(self) -> "Cluster":
        names = {"folder": self.folder, "host": socket.gethostname().split(".")[0], "cpus": CPUS}
        for name in ("munge", "db", "state", "spool"):
            (self.folder / name).mkdir()
        for number in (0, 1):
            (self.folder / f"gpu{number}").touch()
        for parent in (self.folder, *self.folder.parents):  # munge and mysql are users of their own
            self._modes[parent] = parent.stat().st_mode
            parent.chmod(self._modes[parent] | 0o011)
        ETC.mkdir(exist_ok=True)
        for name, text in zip(CONFIGURATION, (SLURMDBD_CONF, SLURM_CONF, GRES_CONF), strict=True):
            (self.folder / name).write_text(text.format(**names))
            (self.folder / name).chmod(0o600 if name == "slurmdbd.conf" else 0o644)
            (ETC / name).symlink_to(self.folder / name)
        try:
            self._start_munge()
            self._start_database()
            self._daemon("slurmdbd", "-D")
            wait_for(lambda: run("sacctmgr", "-n", "show", "cluster").returncode == 0, "slurmdbd")
            for arguments in (("cluster", "test"), ("account", ACCOUNT), ("user", "root", f"account={ACCOUNT}")):
                run("sacctmgr", "-i", "add", *arguments)
            self.start_controller()
            self._daemon("slurmd", "-D")
            wait_for(lambda: run("sinfo", "-h", "-o", "%t").stdout.strip() == "idle", "slurmd")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        run("scancel", "--user", "root")
        with suppress(TimeoutError):  # slurmd ends only after its jobs
            wait_for(lambda: not run("squeue", "--noheader").stdout, "the end of all jobs")
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for name in CONFIGURATION:
            (ETC / name).unlink(missing_ok=True)
        for parent, mode in self._modes.items():
            parent.chmod(mode)

    def start_controller(self) -> None:
        """Start slurmctld, and wait until it answers."""
        self.controller = self._daemon("slurmctld", "-D")
        wait_for(lambda: run("scontrol", "ping").stdout.startswith("Slurmctld(primary) at") and self._up(), "slurmctld")

    def stop_controller(self) -> None:
        self.controller.terminate()
        self.controller.wait(30)

    def _up(self) -> bool:
        return "is UP" in run("scontrol", "ping").stdout

    def _start_munge(self) -> None:
        munge = self.folder / "munge"
        (munge / "key").write_bytes(os.urandom(1024))
        (munge / "key").chmod(0o400)
        run("chown", "-R", "munge:", munge)
        munge.chmod(0o711)
        files = [f"--{name}-file={munge}/{name}" for name in ("key", "pid", "log", "seed")]
        self._daemon("munged", "--foreground", f"--socket={munge}/socket", *files, user="munge")
        wait_for((munge / "socket").exists, "munged")

    def _start_database(self) -> None:
        database = self.folder / "db"
        run("chown", "mysql:", database)
        common = ("--no-defaults", "--user=mysql", f"--datadir={database}")
        installed = run("mariadb-install-db", *common, "--auth-root-authentication-method=normal")
        assert installed.returncode == 0, installed.stdout + installed.stderr
        network = (f"--socket={database}/socket", "--port=13306", "--bind-address=127.0.0.1")
        self._daemon("mariadbd", *common, *network, f"--pid-file={database}/pid")
        users = "".join(
            f"create user slurm@'{host}' identified by 'slurm'; grant all on *.* to slurm@'{host}';"
            for host in ("127.0.0.1", "localhost")
        )
        client = ("mariadb", "--no-defaults", f"--socket={database}/socket", "-e")
        wait_for(lambda: run(*client, "select 1").returncode == 0, "mariadbd")
        assert run(*client, users).returncode == 0

    def _daemon(self, program: str, *arguments: str, user: str | None = None) -> subprocess.Popen:
        log = (self.folder / f"{program}.output").open("a")
        path = shutil.which(program, path=_path())
        daemon = subprocess.Popen([path, *arguments], stdout=log, stderr=log, user=user, group=user, env=_environment())
        self._daemons.append(daemon)
        return daemon


def run(*command: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())


def wait_for(condition, what: str, seconds: float = 60) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it never did.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": _path()}
