/* The prediction slot's protocol of shm-layout/src/prediction_slot.rs, with a SIGKILL possible
 * before every step.
 *
 * Two writers, each with its own lane of records, publish predictions for frames of their own; a
 * reader looks for the latest all the time. Each statement is one access to shared memory. The
 * successor of a killed writer goes on in the same lane with what it finds there.
 *
 * A writer killed between its count and the pointer to the latest leaves that pointer one record
 * further back. So a lane needs two records and one for each such death in a row; the product has
 * 16 (LANE_RECORDS). With two records alone this model finds a record overwritten that is pointed
 * at: MUTANT_SHALLOW.
 *
 * Weak memory is loom's part (shm-layout/tests/loom.rs).
 *
 * Deliberate faults that must be found (run.sh defines one at a time):
 *   MUTANT_COUNT_LAST   the count of a lane is stored after the pointer to the latest
 *   MUTANT_NO_MAXIMUM   a prediction for an older frame becomes the latest
 *   MUTANT_NO_RECHECK   a reader does not look at the version again
 *   MUTANT_SHALLOW      a lane has no records to spare for writers that were killed
 *   MUTANT_EVEN_START   a record is not marked while it is being written
 */
#ifndef TURNS
#define TURNS 4           /* predictions of each lane */
#endif
#ifndef KILLS
#define KILLS 1
#endif

#define LANES 2
#ifdef MUTANT_SHALLOW
#define DEPTH 2
#else
#define DEPTH (2 + KILLS)
#endif
#define RECORDS (LANES * DEPTH)
#define NONE 255

byte version[RECORDS];
byte sequence[RECORDS];
byte first[RECORDS];
byte last[RECORDS];
byte count[LANES];
byte latest_sequence = 0;
byte latest_record = 0;

bool kill_writer[LANES];
byte writers_done = 0;

/* The promise that makes the latest readable at any time: nobody ever writes what it points at. */
#define is_not_latest(record) (latest_sequence == 0 || latest_record != record)

inline count_one() { count[lane] = number + 1 }

inline make_latest() {
    /* A compare-and-swap from below to ours. */
    atomic {
        if
#ifdef MUTANT_NO_MAXIMUM
        :: true ->
#else
        :: latest_sequence < frame ->
#endif
            assert(frame >= latest_sequence);
            latest_sequence = frame; latest_record = record
#ifndef MUTANT_NO_MAXIMUM
        :: else
#endif
        fi
    }
}

proctype Writer(byte lane) {
    byte number, record, writing, frame, turn;
    frame = 0; turn = 0;
life:
    number = 0; record = 0; writing = 0;
    {
        do
        :: turn < TURNS ->
            /* Frames are taken once each, so the next one is nobody else's; never tried again. */
            atomic { turn++; frame = LANES * turn + lane };
            number = count[lane];
            record = lane * DEPTH + number % DEPTH;
            writing = (version[record] + 1) | 1;
            assert(is_not_latest(record));
#ifndef MUTANT_EVEN_START
            version[record] = writing;
#endif
            assert(is_not_latest(record));
            sequence[record] = frame;
            first[record] = frame;
            last[record] = frame;
            version[record] = writing + 1;
#ifdef MUTANT_COUNT_LAST
            make_latest();
            count_one()
#else
            count_one();
            make_latest()
#endif
        :: else -> break
        od
    } unless {
        atomic { kill_writer[lane] -> kill_writer[lane] = false; goto life }
    };
    writers_done++
}

proctype Reader() {
    byte record, before, wanted, found, a, b, newest = 0;
    do
    :: atomic { writers_done < LANES || newest < latest_sequence ->
        wanted = latest_sequence; record = latest_record };
        if
        :: wanted != 0 ->
            before = version[record];
            found = sequence[record];
            a = first[record];
            b = last[record];
            if
#ifdef MUTANT_NO_RECHECK
            :: before % 2 == 0 && found == wanted ->
#else
            :: before % 2 == 0 && found == wanted && version[record] == before ->
#endif
                assert(a == wanted && b == wanted);
                assert(wanted >= newest);
                newest = wanted
            :: else
            fi;
            before = 0; found = 0; a = 0; b = 0
        :: else
        fi
    :: atomic { writers_done == LANES && newest == latest_sequence -> break }
    od
}

proctype Killer() {
    byte kills = 0, victim;
    do
    :: atomic { kills < KILLS ->
        select(victim : 0 .. LANES - 1);
        if
        :: !kill_writer[victim] -> kills++; kill_writer[victim] = true
        :: else
        fi }
    :: break
    od
}

init {
    atomic { run Writer(0); run Writer(1); run Reader(); run Killer() };
    writers_done == LANES;
    /* Whatever was killed: the latest is whole, and it is a prediction that was published. */
    if
    :: latest_sequence != 0 ->
        atomic {
            assert(version[latest_record] % 2 == 0);
            assert(sequence[latest_record] == latest_sequence);
            assert(first[latest_record] == latest_sequence && last[latest_record] == latest_sequence)
        }
    :: else
    fi
}
