/* The ring protocol of shm-layout/src/ring, with a SIGKILL possible before every step.
 *
 * One publisher, READERS readers (each leases at most one frame), their supervisor, and a killer.
 * Each statement here is one access to shared memory, so the `unless` clauses let a process die
 * between any two of them, while all others go on. A dead process loses all it knew but what is in
 * shared memory. The supervisor starts a successor only after the death; in between it reclaims,
 * frame slot by frame slot, beside everybody else, and it too is killed and begins again.
 *
 * Shown here: crash x interleaving, sequentially consistent. Weak memory is loom's part
 * (shm-layout/tests/loom.rs), compiled instructions are tests/stepkill's.
 *
 * Deliberate faults that must be found (run.sh defines one at a time):
 *   MUTANT_REVOKE       leases are reclaimed without proof of death
 *   MUTANT_NO_RECHECK   a lease does not compare the sequence again
 *   MUTANT_NO_RECOVER   a successor publisher repairs nothing
 *   MUTANT_NO_RECLAIM   the leases of the dead are not reclaimed
 *   MUTANT_TAKE_NO_CAS  a take stores the cursor instead of compare-and-swap
 *   MUTANT_SMALL_RING   one frame slot fewer than 2 + the leases that can be held
 */
#ifndef READERS
#define READERS 1
#endif
#ifndef FRAMES_MORE
#define FRAMES_MORE 3     /* published by the model; the third overwrites the one that was newest */
#endif
#ifndef PUBLISHER_KILLS
#define PUBLISHER_KILLS 1
#endif
#ifndef READER_KILLS
#define READER_KILLS 1
#endif
#ifndef SUPERVISOR_KILLS
#define SUPERVISOR_KILLS 1
#endif
#ifndef TURNS
#define TURNS 2           /* frames that a reader looks for in each life */
#endif

#ifdef MUTANT_SMALL_RING
#define SLOTS (1 + READERS)
#else
#define SLOTS (2 + READERS)
#endif
/* All frame slots but one hold a frame at the beginning. */
#define FRAMES_BEFORE (SLOTS - 1)
#define FRAMES (FRAMES_BEFORE + FRAMES_MORE)
#define CELLS 4
#define NONE SLOTS

#define FREE 0
#define WRITING 1
#define PUBLISHED 2

/* One word for each frame slot in reality: version, state and leases change in one atomic step. */
byte version[SLOTS];
byte state[SLOTS];
byte leases[SLOTS];
byte sequence[SLOTS];
/* The payload's first and last byte: whoever sees two different ones has a torn frame. */
byte first[SLOTS];
byte last[SLOTS];
byte cell_sequence[CELLS];
byte cell_slot[CELLS];
byte head = 0;
byte cursor = 0;

/* Who is to die, who is dead (proved by the kernel). */
bool kill_publisher = false, kill_supervisor = false;
bool kill_reader[READERS];
bool dead[READERS];
byte deaths = 0;
bool supervisor_done = false;

/* What the checks need to know, not part of the protocol. */
bool publisher_done = false;
byte readers_done = 0;
byte takes[FRAMES + 2];
byte newest_ever = 0;

/* Cell, then head. The head never goes back. */
inline announce(number, index) {
    atomic { cell_sequence[(number) % CELLS] = number; cell_slot[(number) % CELLS] = index };
    atomic { assert(number >= newest_ever); newest_ever = number; head = number }
}

/* The sizing of the ring: at every instant there is a frame slot to claim, whoever is dead. */
inline assert_claimable() {
    d_step {
        i = 0;
        do
        :: i < SLOTS ->
            if
            :: leases[i] == 0 && (state[i] == FREE || (state[i] == PUBLISHED && sequence[i] < next - 1)) -> break
            :: else -> i++
            fi
        :: else -> assert(false); break
        od;
        best = NONE; age = 255; i = 0
    }
}

/* publish.rs */
proctype Publisher() {
    byte i, best, age, seen, next, was;
life:
    {
        /* recover: free what was being written, announce what was sealed */
        was = head;
        i = 0;
#ifndef MUTANT_NO_RECOVER
        do
        :: i < SLOTS ->
            if
            :: state[i] == WRITING -> atomic { state[i] = FREE; version[i]++ }
            :: state[i] == PUBLISHED ->
                if
                :: sequence[i] == was + 1 -> announce(was + 1, i)
                :: else
                fi
            :: else
            fi;
            i++
        :: else -> break
        od;
#endif
        atomic { next = head + 1; i = 0; was = 0 };

        do
        :: next <= FRAMES ->
            /* claim: a free frame slot, else the oldest unleased one but the newest frame */
rescan:
            assert_claimable();
            do
            :: i < SLOTS ->
                /* One look at the word; the sequence belongs to this publisher. */
                atomic {
                    if
                    :: leases[i] == 0 && state[i] == FREE && age != 0 ->
                        best = i; age = 0; seen = version[i]
                    :: leases[i] == 0 && state[i] == PUBLISHED && sequence[i] < next - 1 && sequence[i] < age ->
                        best = i; age = sequence[i]; seen = version[i]
                    :: else
                    fi
                };
                i++
            :: else -> break
            od;
            if
            :: best == NONE -> goto rescan
            :: else
            fi;
            /* The compare-and-swap: the whole word as it was seen, so unleased and that version. */
            atomic {
                if
                :: leases[best] == 0 && version[best] == seen && state[best] != WRITING ->
                    state[best] = WRITING; version[best]++;
                    /* Forgotten, so that equal states are seen to be equal. */
                    i = 0; age = 0; seen = 0
                :: else -> goto rescan
                fi
            };
            first[best] = next;
            last[best] = next;
            /* publish: seal, then cell, then head */
            sequence[best] = next;
            state[best] = PUBLISHED;
            announce(next, best);
            next++
        :: else -> break
        od
    } unless {
        /* Killed, and proved dead; the supervisor starts the next one. */
        atomic { kill_publisher -> kill_publisher = false; goto life }
    };
    publisher_done = true
}

/* lease.rs and take.rs: a reader that takes each frame it reads */
proctype Reader(byte me) {
    byte newest, index, read, turn, taken;
    bool is_ours;
life:
    read = 0; turn = 0; index = 0; newest = 0; taken = 0;
    {
        do
        :: atomic { turn < TURNS ->
            turn++;
            index = 0; newest = 0; is_ours = false;
            taken = cursor };
            newest = head;
            if
            :: newest > taken && newest > read ->
                atomic {
                    index = cell_slot[newest % CELLS];
                    is_ours = cell_sequence[newest % CELLS] == newest
                };
                if
                :: is_ours ->
                    /* The compare-and-swap that sets our bit in a PUBLISHED word. */
                    atomic {
                        if
                        :: state[index] == PUBLISHED && !(leases[index] & (1 << me)) ->
                            leases[index] = leases[index] | (1 << me); is_ours = true
                        :: else -> is_ours = false
                        fi
                    };
#ifndef MUTANT_NO_RECHECK
                    if
                    :: is_ours && sequence[index] != newest ->
                        leases[index] = leases[index] & ~(1 << me);
                        is_ours = false
                    :: else
                    fi;
#endif
                    if
                    :: is_ours ->
                        /* take: the cursor goes from below to our frame, once */
#ifdef MUTANT_TAKE_NO_CAS
                        is_ours = cursor < newest;
                        if
                        :: is_ours ->
                            atomic { cursor = newest; takes[newest]++; assert(takes[newest] == 1) }
                        :: else
                        fi;
#else
                        atomic {
                            is_ours = cursor < newest;
                            if
                            :: is_ours ->
                                cursor = newest; takes[newest]++; assert(takes[newest] == 1)
                            :: else
                            fi
                        };
#endif
                        if
                        :: is_ours ->
                            /* Read in place: whole, ours, and so it stays while it is leased. */
                            assert(first[index] == newest);
                            assert(last[index] == newest);
                            assert(first[index] == newest);
                            read = newest
                        :: else
                        fi;
                        leases[index] = leases[index] & ~(1 << me)
                    :: else
                    fi
                :: else
                fi
            :: else
            fi
        :: else -> break
        od
    } unless {
        atomic { kill_reader[me] -> kill_reader[me] = false; dead[me] = true; deaths++ };
        /* Reclaimed and forgotten: the supervisor starts the successor. */
        !dead[me];
        goto life
    };
    readers_done++
}

/* reclaim.rs, and the supervisor around it: proof of death, reclaim, successor */
proctype Supervisor() {
    byte who, i;
life:
    who = 0; i = 0;
    {
        do
        :: atomic {
            /* waitid: the kernel says who is dead */
            (deaths > 0 || readers_done == READERS) ->
            who = 0;
            do
            :: who < READERS && !dead[who] -> who++
            :: else -> break
            od
           };
           if
           :: who == READERS -> break
           :: else
           fi;
           i = 0;
#ifndef MUTANT_NO_RECLAIM
           do
           :: i < SLOTS -> leases[i] = leases[i] & ~(1 << who); i++
           :: else -> break
           od;
#endif
           atomic { dead[who] = false; deaths--; who = 0; i = 0 }
        od
    } unless {
        atomic { kill_supervisor -> kill_supervisor = false; goto life }
    };
    supervisor_done = true
}

proctype Killer() {
    byte publisher_kills = 0, reader_kills = 0, supervisor_kills = 0, victim;
#ifdef MUTANT_REVOKE
    byte i = 0;
    do
    :: i < SLOTS -> leases[i] = leases[i] & ~1; i++
    :: else -> break
    od;
#endif
    do
    :: atomic { publisher_kills < PUBLISHER_KILLS && !publisher_done && !kill_publisher ->
        publisher_kills++; kill_publisher = true }
    :: atomic { reader_kills < READER_KILLS && readers_done < READERS ->
        select(victim : 0 .. READERS - 1);
        if
        :: !kill_reader[victim] && !dead[victim] -> reader_kills++; kill_reader[victim] = true
        :: else
        fi }
    :: atomic { supervisor_kills < SUPERVISOR_KILLS && !supervisor_done && !kill_supervisor ->
        supervisor_kills++; kill_supervisor = true }
    :: break
    od
}

init {
    byte i = 0;
    atomic {
        do
        :: i < FRAMES_BEFORE ->
            state[i] = PUBLISHED; sequence[i] = i + 1; first[i] = i + 1; last[i] = i + 1;
            cell_sequence[(i + 1) % CELLS] = i + 1; cell_slot[(i + 1) % CELLS] = i;
            i++
        :: else -> break
        od;
        head = FRAMES_BEFORE; newest_ever = FRAMES_BEFORE;
        i = 0;
        run Publisher();
        do
        :: i < READERS -> run Reader(i); i++
        :: else -> break
        od;
        run Supervisor();
        run Killer()
    };
    /* Everybody gets there (an invalid end state otherwise), and then nothing is left behind. */
    (publisher_done && readers_done == READERS && supervisor_done);
    atomic {
        assert(head == FRAMES);
        i = 0;
        do
        :: i < SLOTS ->
            assert(leases[i] == 0);
            assert(state[i] != WRITING);
            i++
        :: else -> break
        od;
        /* The newest frame can be leased. */
        i = cell_slot[head % CELLS];
        assert(cell_sequence[head % CELLS] == head);
        assert(state[i] == PUBLISHED && sequence[i] == head)
    }
}
