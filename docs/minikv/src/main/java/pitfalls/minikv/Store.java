package pitfalls.minikv;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArraySet;
import pitfalls.minikv.Outcome.Verdict;

/**
 * The keys and values of a node, in memory. It knows nothing of Raft or HTTP: it is given commands in the order of the log, and the
 * same commands make the same store on each node. So nothing here may depend on the time, on chance or on this machine.
 */
final class Store {
    /** A value has at most that many bytes. */
    static final int MAX_VALUE_BYTES = 64 * 1024;

    /** All keys and values have at most that many bytes: the nodes keep them in memory, and a full heap would end all of them. */
    static final int MAX_BYTES = 16 * 1024 * 1024;

    /** That many requests are known again by their {@code Idempotency-Key}. */
    static final int REMEMBERED_IDS = 10_000;

    /** That many changes can be read again from the replicate stream... */
    static final int REMEMBERED_CHANGES = 10_000;

    /** ...if they are no larger than that. */
    static final int REMEMBERED_CHANGES_BYTES = 4 * 1024 * 1024;

    private record Answered(int fingerprint, Outcome outcome) {}

    /**
     * A value.
     *
     * @param value {@code null} if the key has none
     * @param index the last command that this store has applied
     */
    record Reading(String value, long index) {}

    /** What to call when there are changes. */
    private final Set<Runnable> listeners = new CopyOnWriteArraySet<>();

    private final Map<String, String> values = new TreeMap<>();
    private final Map<String, Answered> answered = new LinkedHashMap<>();
    private final Deque<Change> changes = new ArrayDeque<>();
    private int bytes;
    private int changesBytes;
    private long applied;
    private long forgotten;

    /** Applies the command that stands at that index, and tells what has become of it. */
    Outcome apply(long index, Command command) {
        Outcome outcome;
        synchronized (this) {
            applied = index;
            Answered before = answered.get(command.id());
            if (before != null) {
                boolean isSame = before.fingerprint() == command.fingerprint();
                return isSame ? before.outcome() : new Outcome(Verdict.KEY_REUSED, index);
            }
            outcome = new Outcome(change(command), index);
            remember(command, outcome);
        }
        if (outcome.verdict() == Verdict.APPLIED) listeners.forEach(Runnable::run);
        return outcome;
    }

    private Verdict change(Command command) {
        String before = values.get(command.key());
        String after = switch (command.operation()) {
            case PUT -> command.value();
            case APPEND -> (before == null ? "" : before) + command.value();
            case DELETE -> null;
        };
        if (after != null && Texts.sizeOf(after) > MAX_VALUE_BYTES) return Verdict.VALUE_TOO_LARGE;
        int size = bytes - sizeOf(command.key(), before) + sizeOf(command.key(), after);
        if (size > MAX_BYTES && size > bytes) return Verdict.STORE_FULL;
        bytes = size;
        if (after == null) values.remove(command.key());
        else values.put(command.key(), after);
        return Verdict.APPLIED;
    }

    private static int sizeOf(String key, String value) {
        return value == null ? 0 : Texts.sizeOf(key) + Texts.sizeOf(value);
    }

    private void remember(Command command, Outcome outcome) {
        answered.put(command.id(), new Answered(command.fingerprint(), outcome));
        if (answered.size() > REMEMBERED_IDS) removeOldest(answered);
        if (outcome.verdict() != Verdict.APPLIED) return;
        var change = new Change(outcome.index(), command);
        changes.add(change);
        changesBytes += change.size();
        while (changes.size() > REMEMBERED_CHANGES || changesBytes > REMEMBERED_CHANGES_BYTES) {
            Change oldest = changes.remove();
            changesBytes -= oldest.size();
            forgotten = oldest.index();
        }
    }

    private static void removeOldest(Map<String, ?> map) {
        var oldest = map.keySet().iterator();
        oldest.next();
        oldest.remove();
    }

    /** The value of a key at this moment. */
    synchronized Reading read(String key) {
        return new Reading(values.get(key), applied);
    }

    /** How many keys have a value. */
    synchronized int size() {
        return values.size();
    }

    /** The index of the last change that was forgotten; 0 if there is none. */
    synchronized long forgotten() {
        return forgotten;
    }

    /** The index of the last command that was applied; 0 if there is none. */
    synchronized long applied() {
        return applied;
    }

    /** The next changes from that index on, a hundred at most; empty if there are none yet. */
    synchronized List<Change> changesFrom(long index) {
        List<Change> found = new ArrayList<>();
        if (changes.isEmpty() || changes.getLast().index() < index) return found;
        for (Change change : changes) {
            if (change.index() >= index) found.add(change);
            if (found.size() == 100) break;
        }
        return found;
    }

    /** Calls this after each change, on the thread that applies changes, which it must not keep waiting. */
    void addListener(Runnable listener) {
        listeners.add(listener);
    }

    /** How many are called. */
    int listeners() {
        return listeners.size();
    }

    /** Calls it no more. */
    void removeListener(Runnable listener) {
        listeners.remove(listener);
    }

    /** Writes all of it to a snapshot. The changes are not part of it: whoever reads the stream from before it is told so. */
    synchronized void writeTo(DataOutputStream out) throws IOException {
        out.writeLong(applied);
        out.writeInt(values.size());
        for (var entry : values.entrySet()) {
            Texts.write(entry.getKey(), out);
            Texts.write(entry.getValue(), out);
        }
        out.writeInt(answered.size());
        for (var entry : answered.entrySet()) {
            Texts.write(entry.getKey(), out);
            out.writeInt(entry.getValue().fingerprint());
            Texts.write(entry.getValue().outcome().toString(), out);
        }
    }

    /** Becomes what a snapshot says. */
    synchronized void readFrom(DataInputStream in) throws IOException {
        clear();
        applied = in.readLong();
        forgotten = applied;
        for (int i = in.readInt(); i > 0; i--) {
            String key = Texts.read(in);
            String value = Texts.read(in);
            values.put(key, value);
            bytes += sizeOf(key, value);
        }
        for (int i = in.readInt(); i > 0; i--) {
            String id = Texts.read(in);
            int fingerprint = in.readInt();
            answered.put(id, new Answered(fingerprint, Outcome.parse(Texts.read(in))));
        }
    }

    private void clear() {
        values.clear();
        answered.clear();
        changes.clear();
        bytes = 0;
        changesBytes = 0;
    }
}
