"""Cameras that ask for no more than the machine can show, and find out by themselves how much that is."""

from __future__ import annotations

import random
from math import inf, pi, sin

import pytest

from kpstream.pipeline.load_shedding import LoadShedding
from tests.support.shared_machine import SharedCamera, SharedMachine

COUNTS = (1, 2, 3, 4, 6, 8, 12)


def cameras_on_two_cores(count: int, seed: int, *, sheds: bool = True) -> list[float]:
    """What each of so many cameras shows a second, when they have found their rates."""
    machine = SharedMachine([SharedCamera(random.Random(seed + number), sheds=sheds) for number in range(count)])
    machine.run(20)
    return machine.run(10)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_full_machine_shows_as_much_of_many_cameras_as_of_few_and_equally(seed: int) -> None:
    shown = {count: cameras_on_two_cores(count, seed) for count in COUNTS}
    most = max(sum(rates) for rates in shown.values())
    for count, rates in shown.items():
        assert sum(rates) >= 0.88 * min(most, 30 * count), count
        assert max(rates) <= 1.25 * min(rates), count


def test_without_shedding_the_same_machine_shows_the_less_the_more_it_is_asked() -> None:
    few, many = (sum(cameras_on_two_cores(count, 1, sheds=False)) for count in (4, 12))
    assert many < 0.8 * few


def test_one_camera_on_a_free_machine_is_left_alone_whatever_stands_still_for_a_moment() -> None:
    camera = SharedCamera(random.Random(3))
    machine = SharedMachine([camera])
    for pause in (0.3, 5.0, 0.1, 1.0, 0.7, 0.7, 0.7):
        machine.run(2)
        machine.stand_still(pause)
        assert camera.shedding.max_fps == inf
    assert machine.run(5) == [pytest.approx(30, abs=1)]


def test_a_start_that_is_too_much_for_the_machine_for_a_moment_changes_nothing() -> None:
    camera = SharedCamera(random.Random(3), shows=0.1)
    machine = SharedMachine([camera])
    machine.run(2.5)
    camera.shows = 0.014
    machine.run(5)
    assert camera.shedding.max_fps == inf


def test_when_others_go_a_camera_comes_back_to_all_of_its_pictures() -> None:
    cameras = [SharedCamera(random.Random(number)) for number in range(8)]
    machine = SharedMachine(cameras)
    machine.run(20)
    assert all(camera.shedding.max_fps < 20 for camera in cameras)
    machine.cameras = cameras[:1]
    [shown] = machine.run(40)
    assert shown > 20
    assert cameras[0].shedding.max_fps == inf


def test_scenes_that_cost_more_and_less_at_the_same_time_leave_no_part_of_a_full_machine_unused() -> None:
    cameras = [SharedCamera(random.Random(number)) for number in range(6)]
    machine = SharedMachine(cameras)
    machine.run(10)
    steady = sum(machine.run(13))
    shown = 0.0
    for second in range(26):
        for camera in cameras:
            camera.shows = 0.014 * (1 + 0.4 * sin(2 * pi * second / 13))
        shown += sum(machine.run(1))
    assert shown / 26 > 0.96 * steady


def test_a_camera_that_takes_long_to_read_rises_in_small_steps_whatever_room_there_is_to_show_it() -> None:
    camera = SharedCamera(random.Random(1), converts=0.06, shows=0.005)
    machine = SharedMachine([camera])
    machine.run(20)
    found = []
    for _ in range(20):
        machine.run(1)
        found.append(camera.shedding.max_fps)
    assert max(found) < 1.5 * min(found)


def counted(load: LoadShedding, seconds: int, *, offered: int, wanted: int, dropped: int) -> None:
    """Let a camera count the same every second."""
    for second in range(seconds + 1):
        load.update(second, second * offered, second * wanted, second * dropped, 0.0)


def test_it_says_what_is_asked_and_what_is_shown_while_the_machine_is_full() -> None:
    load = LoadShedding()
    assert load.trouble == ""
    counted(load, 5, offered=30, wanted=30, dropped=12)
    assert load.max_fps < 30
    assert load.trouble == "machine is full: 30 asked, 18 shown"
    assert (load.asked_fps, load.shown_fps) == (30, 18)


def test_what_is_not_wanted_is_not_asked() -> None:
    load = LoadShedding(10)
    counted(load, 10, offered=30, wanted=10, dropped=0)
    assert (load.max_fps, load.asked_fps, load.shown_fps, load.trouble) == (10, 10, 10, "")


def test_what_cannot_be_shown_of_what_is_wanted_is_told_alike() -> None:
    load = LoadShedding(10)
    counted(load, 5, offered=30, wanted=10, dropped=5)
    assert load.max_fps < 10
    assert load.trouble == "machine is full: 10 asked, 5 shown"


def test_a_few_losses_are_no_load() -> None:
    load = LoadShedding()
    counted(load, 100, offered=30, wanted=30, dropped=1)
    assert load.max_fps == inf


def test_a_camera_that_sheds_keeps_a_little_time_to_spare() -> None:
    load = LoadShedding()
    counted(load, 4, offered=30, wanted=30, dropped=12)
    assert load.max_fps == pytest.approx(18)
    for second in range(5, 15):
        load.update(second, second * 30, 120 + second * 10, 48, second * 0.8)
    assert load.max_fps == pytest.approx(11.5, abs=0.2)  # ten a second take 0.8 of it
