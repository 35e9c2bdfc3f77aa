package pitfalls.fuzz;

import com.sun.tools.attach.AttachNotSupportedException;
import com.sun.tools.attach.VirtualMachine;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.lang.management.ThreadMXBean;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.JMException;
import javax.management.JMX;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import pitfalls.program.ReverseProxy;

/** The finished program in a process of its own, and how it fares. */
final class ProgramProcess implements AutoCloseable {
    private static final Pattern LISTENING = Pattern.compile("listening on http://([^:]+):(\\d+),");
    private static final long PATIENCE_NANOS = 30_000_000_000L;

    private final Path output;
    private final Process process;
    private final InetSocketAddress address;
    private final JMXConnector connector;

    /** What must not grow: bytes on the heap after a collection, threads, and open descriptors (0 where nobody counts them). */
    record Vitals(long heap, int threads, long descriptors) {}

    /** Starts it in front of that upstream; it prints to a file in that folder. */
    ProgramProcess(InetSocketAddress upstream, Path folder) throws IOException, AttachNotSupportedException {
        output = folder.resolve("output");
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx64m",
                        "-classpath",
                        System.getProperty("java.class.path"),
                        ReverseProxy.class.getName(),
                        "--listen=127.0.0.1:0",
                        "--target=127.0.0.1:" + upstream.getPort())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        address = awaitAddress();
        VirtualMachine machine = VirtualMachine.attach(String.valueOf(process.pid()));
        connector = JMXConnectorFactory.connect(new JMXServiceURL(machine.startLocalManagementAgent()));
        machine.detach();
    }

    private InetSocketAddress awaitAddress() throws IOException {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (System.nanoTime() < deadline && process.isAlive()) {
            Matcher listening = LISTENING.matcher(output());
            if (listening.find())
                return new InetSocketAddress(listening.group(1), Integer.parseInt(listening.group(2)));
            Thread.onSpinWait();
        }
        close();
        throw new IOException("the program does not listen, and says: " + output());
    }

    /** Where it listens. */
    InetSocketAddress address() {
        return address;
    }

    /** What it has printed, its log among it. */
    String output() throws IOException {
        return Files.readString(output);
    }

    /** How it fares now. */
    Vitals vitals() throws IOException, JMException {
        MBeanServerConnection beans = connector.getMBeanServerConnection();
        var memory =
                JMX.newMXBeanProxy(beans, new ObjectName(ManagementFactory.MEMORY_MXBEAN_NAME), MemoryMXBean.class);
        var threads =
                JMX.newMXBeanProxy(beans, new ObjectName(ManagementFactory.THREAD_MXBEAN_NAME), ThreadMXBean.class);
        memory.gc();
        return new Vitals(memory.getHeapMemoryUsage().getUsed(), threads.getThreadCount(), descriptors(beans));
    }

    private static long descriptors(MBeanServerConnection beans) throws IOException, JMException {
        var system = new ObjectName(ManagementFactory.OPERATING_SYSTEM_MXBEAN_NAME);
        try {
            return (Long) beans.getAttribute(system, "OpenFileDescriptorCount");
        } catch (javax.management.AttributeNotFoundException onWindows) {
            return 0;
        }
    }

    @Override
    public void close() throws IOException {
        if (connector != null) connector.close();
        process.destroyForcibly();
    }
}
