package pitfalls.program;

import com.sun.management.UnixOperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/**
 * How many of the descriptors that a process may open are for whom. Each connection takes one, and a request needs two: its client's
 * and one to its upstream. If clients took them all, no request could be forwarded; so they get three fifths, and the connections to
 * an upstream two. The operator raises the limit with {@code ulimit -n}, or with {@code LimitNOFILE=} of a systemd unit.
 *
 * @param clients how many connections clients may have, all together
 * @param upstream how many there may be to an upstream
 */
record Descriptors(int clients, int upstream) {
    private static final int OTHERS = 32; // for the log, for names that are looked up, for another attempt
    private static final int FEWEST = 10;

    /** Those of this process, which has some open already. Windows has no such limit. */
    static Descriptors ofProcess() {
        boolean hasLimit = ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean;
        if (!hasLimit) return new Descriptors(Integer.MAX_VALUE, Integer.MAX_VALUE);
        var process = (UnixOperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return of(process.getMaxFileDescriptorCount() - process.getOpenFileDescriptorCount());
    }

    /** So many are free. */
    static Descriptors of(long free) {
        long shared = Math.max(FEWEST, Math.min(free, Integer.MAX_VALUE) - OTHERS);
        long upstream = shared * 2 / 5;
        return new Descriptors((int) (shared - upstream), (int) upstream);
    }
}
