"""Goal: few frames are under way, the rate follows the box, and attempts to connect are spread.

Pure functions: time is an argument."""

import unittest

from wigwag.backoff import FIRST_S, MAX_S, Backoff
from wigwag.pace import UNANSWERED_S, UNSEEN_MAX_S, UNSEEN_MIN_S, PushPace


class Pace(unittest.TestCase):
    def test_few_frames_are_on_the_line(self) -> None:
        pace = PushPace()
        for number in range(2):
            self.assertTrue(pace.may_send(0.0))
            pace.sent(number, 0.0)
        self.assertFalse(pace.may_send(0.0))
        pace.answered(0, False)
        self.assertTrue(pace.may_send(0.0), "a refused frame is waited for no more")

    def test_few_frames_wait_for_recognition(self) -> None:
        pace = PushPace(in_flight=1)
        pace.sent(0, 0.0)
        pace.answered(0, True)
        self.assertFalse(pace.may_send(0.1))
        pace.predicted(0, 0.1)
        self.assertTrue(pace.may_send(0.1))
        self.assertTrue(pace.is_idle)

    def test_a_later_prediction_ends_the_wait_for_older_ones(self) -> None:
        pace = PushPace()
        for number in [3, 4]:
            pace.sent(number, 0.0)
            pace.answered(number, True)
        self.assertFalse(pace.may_send(0.0))
        pace.predicted(4, 0.1)
        self.assertTrue(pace.is_idle)

    def test_what_never_comes_is_given_up(self) -> None:
        pace = PushPace(in_flight=1)
        pace.sent(0, 0.0)
        self.assertEqual(pace.look_again_at(0.0), UNANSWERED_S)
        self.assertFalse(pace.may_send(UNANSWERED_S - 0.1))
        pace.answered(0, True)
        self.assertEqual(pace.look_again_at(0.0), UNSEEN_MIN_S)
        self.assertFalse(pace.may_send(UNSEEN_MIN_S - 0.01))
        self.assertTrue(pace.may_send(UNSEEN_MIN_S))
        self.assertTrue(pace.is_idle)

    def test_patience_follows_the_box(self) -> None:
        pace, now = PushPace(in_flight=1), 0.0
        for number in range(20):
            self.assertTrue(pace.may_send(now))
            pace.sent(number, now)
            pace.answered(number, True)
            now += 1.0
            pace.predicted(number, now)
        pace.sent(20, now)
        pace.answered(20, True)
        self.assertFalse(pace.may_send(now + 3.9))
        self.assertTrue(pace.may_send(now + 4.1))
        for number in range(21, 60):
            pace.sent(number, now)
            pace.answered(number, True)
            now += 100.0
            pace.predicted(number, now)
        pace.sent(60, now)
        pace.answered(60, True)
        self.assertTrue(pace.may_send(now + UNSEEN_MAX_S), "never longer than that")

    def test_the_rate_is_kept_over_many_frames(self) -> None:
        for own, box, expected in [(None, 30, 30), (10.0, 30, 10), (240.0, 30, 30), (5.0, None, 5)]:
            pace = PushPace(fps=own)
            pace.reset(box)
            sent = 0
            for step in range(20_000):
                now = step / 1000
                if pace.may_send(now):
                    pace.sent(step, now)
                    pace.answered(step, False)
                    sent += 1
            self.assertAlmostEqual(sent / 20, expected, delta=0.1, msg=f"{own} of {box}")

    def test_a_camera_at_the_allowed_rate_loses_nothing(self) -> None:
        pace = PushPace()
        pace.reset(30)
        for frame in range(300):
            # A camera's frames are some ms early or late.
            now = 1 + frame / 30 + (-0.001, 0.0, 0.001)[frame % 3]
            self.assertTrue(pace.may_send(now), frame)
            pace.sent(frame, now)
            pace.answered(frame, False)

    def test_a_new_connection_waits_for_nothing_of_the_old_one(self) -> None:
        pace = PushPace(in_flight=1)
        pace.sent(0, 0.0)
        pace.reset(30)
        self.assertTrue(pace.is_idle)
        self.assertTrue(pace.may_send(0.0))

    def test_what_cannot_be_meant_is_refused(self) -> None:
        self.assertRaises(ValueError, PushPace, 0)
        for fps in [0.0, -1.0, float("inf"), float("nan")]:
            self.assertRaises(ValueError, PushPace, 2, fps)


class Attempts(unittest.TestCase):
    def test_pauses_grow_to_a_limit_and_begin_anew(self) -> None:
        backoff = Backoff(dice=lambda: 1.0)
        pauses = [backoff.next_s() for _ in range(40)]
        self.assertEqual(pauses[0], FIRST_S)
        self.assertEqual(pauses, sorted(pauses))
        self.assertEqual(pauses[-1], MAX_S)
        backoff.worked()
        self.assertEqual(backoff.next_s(), FIRST_S)
        self.assertEqual(backoff.next_s(least_s=2.0), 2.0)

    def test_clients_do_not_come_at_once(self) -> None:
        early, late = Backoff(dice=lambda: 0.0), Backoff(dice=lambda: 0.999)
        self.assertLess(early.next_s(), 0.6 * late.next_s())
        self.assertGreater(Backoff(dice=lambda: 0.0).next_s(least_s=2.0), 0.9)


if __name__ == "__main__":
    unittest.main()
