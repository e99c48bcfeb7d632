"""The numbers of the tracker, each with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FlowReach:
    """How far optical flow looks."""

    window: int
    """Side of the patch that it compares, in pixels."""
    levels: int
    """Halvings of the picture in which it looks first."""


@dataclass(frozen=True, eq=False)  # compared as one object: its hash is asked for a hundred times a picture
class TrackerSettings:
    """How the tracker follows objects. Chosen by the mean error over several clips, never on one.

    *Diagonals* are diagonals of the object's box, so that near and far objects are treated alike. *Small pixels* are
    those of the picture in which points are moved.
    """

    # pictures

    small_side: int = 320
    """Longer side of the small picture that is kept of each frame, in pixels."""
    max_frames: int = 360
    """Pictures that are kept: twelve seconds at 30 a second, longer than any answer is waited for; 21 MB."""
    same_scene: float = 0.5
    """Correlation of two coarse pictures; below it the scene was cut, and nothing is followed across."""
    max_spoilt: int = 4
    """Pictures in a row that may show something else, as where packets were lost, before it is another scene."""
    light_step: float = 0.01
    """Share by which some part of a picture is lighter or darker where the light is taken to have changed."""
    light_share: float = 0.3
    """Share of the parts of a picture that differ then, at least."""
    light_explains: float = 0.5
    """Of what differs, no more is left than this share once the light is accounted for; else something has moved."""
    light_jump: float = 0.04
    """Share by which the whole picture is lighter or darker; beyond it the light may change while the camera moves."""
    light_stays: float = 0.98
    """What is left, one picture later, of the difference to the light that pictures are shown in."""
    detail_object: float = 160
    """Pixels; the larger side of an object in the picture in which it is tracked is at most that, and half of it."""
    detail_gain: float = 1.15
    """An object is tracked in the full picture only where that shows it so much larger than the small one."""
    detail_side: float = 1920
    """Longer side of the finest picture that is kept, in pixels; what is larger is halved."""
    detail_seconds: float = 1.2
    """Seconds for which full pictures are kept, only while somebody is small: 2.7 MB each at 1080p, as at 4K."""
    detail_margin: float = 0.2
    """What is cut out around an object on each side, in shares of its larger side."""
    camera_flow: FlowReach = FlowReach(9, 2)
    """For the camera's motion, in half the small picture."""
    min_camera_points: int = 8
    """Points of the background that must be found again; with fewer, the camera is taken to stand still."""
    camera_outlier: float = 2.0
    """Small pixels; a point that moves otherwise than the camera by more hardly counts, and later even less."""
    upload_side: float = 640
    """Pixels of a picture's longer side at the endpoint, whose answers are whole pixels of it."""

    # from one picture to the next

    flow: FlowReach = FlowReach(9, 3)
    """In what is cut out around an object, which moves along with it."""
    flow_returns_within: float = 1.5
    """Small pixels; a point that flow does not bring back as near as this is followed by its neighbours' flow."""
    rounds: int = 2
    """Steps of Gauss-Newton on the edges of an object."""
    blur: int = 3
    """Side of the kernel, in pixels, that blurs what the edges see: the noise that small limbs drown in. 1: none."""
    grey_noise: float = 8.0
    """Grey values by which two pictures of the same thing differ."""
    grey_outlier: float = 15.0
    """Grey values; what differs by more hardly counts."""
    background_counts: float = 0.2
    """What a place along an edge counts that looks as the background there would, to one that does not."""
    stretch: float = 0.03
    """Share of its length by which an edge stretches from one picture to the next."""
    turn: float = 0.15
    """The same across the edge: by how much it turns."""
    softening: float = 0.5
    """Power of the time between two pictures by which an edge stretches and turns more; at 30 a second it is one."""
    guess_prior: float = 4.0
    """What a guess costs for each diagonal by which it differs from a steady motion; a misfit costs up to 1."""
    guess_whole: float = 0.3
    """What the misfit of the whole object counts for a point, beside that of the edges around it."""
    max_answer_gap: float = 0.8
    """Seconds between two answers, up to which the way between them is a guess at the motion."""
    hold: float = 0.01
    """What keeps a point at its first guess while nothing else says otherwise: inverse variance, in small pixels."""
    moves_beyond: float = 0.3
    """Small pixels; an object all of whose points move less by their own flow is not registered."""
    max_registered: int = 48
    """Steps of objects that are moved at once; in a larger crowd the small ones go by flow alone, as each costs a tenth
    of a millisecond."""
    max_mesh: int = 64
    """Keypoints; a larger skeleton goes by flow alone, as the cost grows with their third power."""

    # forward: from an answer to the newest picture

    answer_noise: float = 0.006
    """Diagonals by which two answers to one picture differ, standard deviation."""
    step_noise: float = 0.0005
    """Diagonals that one picture adds to a point's standard deviation."""
    slip: float = 0.3
    """What a picture adds, too: this share of the way that the point went."""
    surprise: float = 3.0
    """Standard deviations; where an answer is further off, it is right and the trajectory is wrong."""
    retrack_beyond: float = 0.04
    """Diagonals; a trajectory that an answer corrects by more is tracked again from the answer on."""
    max_fast_forward: int = 28
    """Cost of the fast-forwarding within a thirtieth of a second: 3 for each picture and 1 for each object in it."""
    crowd: int = 4
    """Objects that are tracked again at once; from so many on they skip every other picture, to be there in time."""
    stride_within: float = 0.07
    """Seconds; where a picture and the next but one are further apart, none is skipped."""
    glide: float = 0.7
    """What is left of a correction a thirtieth of a second later, and at least one picture later."""

    # trust: the risk that a pose has lost its object is the sum of three signs of it, each in shares of how much of it
    # would do alone; beyond 1 the pose is stale. On clips with poses to compare with, answers 0.4 and 0.7 s late,
    # pictures at 30, 10, 7.5 and 5 a second, 0 to 4 % of the poses that are not stale are off by more than a fifth of
    # the person, and 91 to 99 % of those within a fifth are not stale; on a fast walk 87 to 94 % are not.

    max_deformation: float = 0.4
    """Diagonals, by which the points have moved otherwise than the object as a whole since the answer, on average."""
    max_misfit: float = 1.0
    """By which what is under the edges differs from what was there in the answer's picture, 0 to 1."""
    max_disagreement: float = 1.0
    """Diagonals, by which the pictures since the answer and the last two answers disagree about the way of the object
    as a whole."""
    disagrees_from: float = 0.1
    """Seconds between two pictures, from which on that counts in full; with less it counts in proportion."""
    unknown_motion: float = 0.5
    """Diagonals; what counts as that where no two answers tell of a motion."""
    sure_below: float = 0.7
    """Risk up to which confidence is not lowered; beyond, it falls with the risk."""

    # lattice: points for an object without keypoints

    few_keypoints: int = 3
    """An object with fewer known keypoints is given a lattice of points in its box."""
    enough_keypoints: int = 6
    """The lattice goes when an answer gives so many."""

    # presence

    max_age: float = 1.0
    """Seconds for which an object that no answer confirms keeps its `tracker_id`, and in which its pose fades."""
    tardiness: float = 0.1
    """Seconds by which an answer may come later than the ones before it."""
    detection_rate: float = 0.7
    """How often answers find an object, before any has shown it."""
    max_detection_rate: float = 0.9
    """No object is found more reliably: everybody may be overlooked once."""
    detection_learning_rate: float = 0.15
    """Weight of the newest answer in an object's detection rate."""
    survival: float = 0.98
    """Share of the objects that are still there one answer later."""
    min_existence: float = 0.3
    """Existence probability from which on an unconfirmed object is drawn."""
    lost_at: float = 0.03
    """Diagonals, standard deviation; an object that several answers did not find is lost when as uncertain as this."""
    judged_every: float = 0.19
    """Seconds; answers that are closer together overlook the same objects, and count once."""
    rests_within: float = 0.02
    """Diagonals; an object that is no further from where the last answer found it rests."""
    rests_for: float = 7.0
    """Seconds for which a resting object stays without an answer: longer than adaptive sampling pauses."""

    # association

    max_distance: float = 0.5
    """Diagonals; a pose that is further from a track belongs to another object."""
    way_over: float = 0.35
    """Seconds, at most, over which the way of an object as a whole is taken where it was answered more than twice in
    them: between close answers, limbs swing further than it goes."""
    max_encounter: float = 1.0
    """Seconds; of those who have met for longer, how they went before tells nothing."""

    astray_beyond: float = 0.08
    """Diagonals; a point of an answer may be another object's that the answer lacks, if it is further from where it was
    expected, and twice as near to where that one's was."""
    min_astray: int = 2
    """Such points; from so many on the answer is taken to be made of both objects, and neither was missed."""
    mostly_covered: float = 0.5
    """Share of its points; an object of which more were expected within others that an answer found is hidden by them,
    and was not missed."""
    foreign_beyond: float = 0.15
    """Diagonals; such a point that is further off is not taken over."""

    # occlusion

    edge_differs: float = 18.0
    """Grey values by which a hidden edge differs from what it looked like, on average."""
    mostly_hidden: float = 0.4
    """Share of its edges; an object that is hidden by more goes on, as a whole, as it went between its last two
    answers: its own last steps may be those of whoever hides it."""
    lost_differs: float = 36.0
    """Grey values by which an edge differs that is not the object's own, on average."""
    mostly_lost: float = 0.5
    """Share of its edges; an object that touches another and of which more differ so goes on in the same way."""
    edge_learning_rate: float = 0.3
    """Weight of the newest picture in how an object's edges look."""

    # interpolation

    moves_between: float = 0.02
    """Diagonals; an object that moves less between two answers goes on the straight line."""
    path_noise: float = 0.01
    """Diagonals; no path through the pictures is trusted to be better."""
    straight_weight: float = 0.1
    """Weight of the straight line beside the paths through the pictures."""

    def glide_after(self, seconds: float) -> float:
        """What is left of a correction in the next picture."""
        return float(self.glide ** max(1.0, 30 * seconds))

    def fast_forward_within(self, seconds: float) -> float:
        """What fast-forwarding may cost in a picture that comes so long after the one before."""
        return self.max_fast_forward * max(1.0, 30 * seconds)


DEFAULT = TrackerSettings()
"""The settings of every view."""
