from tests.end_to_end.test_bad_input import *
from tests.end_to_end.conftest import *
def test_x(ludus, stopped_run, here, small_disk):
    run=small_disk/"a"
    shutil.copytree(stopped_run, run)
    os.system(f"df -B1 {small_disk}; du -a {run} ")
    f=fill(small_disk,but_bytes=80000)
    os.system(f"df -B1 {small_disk}")
    print(ludus("resume",str(run)))
    os.system(f"df -B1 {small_disk}; du -a {run}")
    assert 0
