package pitfalls.program;

import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.Executor;
import org.slf4j.LoggerFactory;

/**
 * Tells the program each time that it is asked to end, by SIGTERM or SIGINT. A shutdown hook of Java's learns of the first time only.
 *
 * <p>Java has a class for that, {@code sun.misc.Signal} of the module {@code jdk.unsupported}, which its compiler warns of by name and
 * in a way that cannot be turned off. So it is called by reflection, as others do. Where it is missing, or Java was started with
 * {@code -Xrs}, the hook is what is left.
 */
final class Signals {
    private static final List<String> ENDING = List.of("TERM", "INT");

    private Signals() {}

    /**
     * Calls back for each of these signals.
     *
     * @param task called in a thread of its own each time
     */
    static void onEnd(Runnable task) {
        Executor threads = command -> new Thread(command, "signal").start();
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object adapter = Proxy.newProxyInstance(
                    handler.getClassLoader(), new Class<?>[] {handler}, (proxy, method, arguments) -> {
                        if (method.getName().equals("handle")) threads.execute(task);
                        return null;
                    });
            for (String name : ENDING) {
                Object instance = signal.getConstructor(String.class).newInstance(name);
                signal.getMethod("handle", signal, handler).invoke(null, instance, adapter);
            }
        } catch (ReflectiveOperationException x) {
            LoggerFactory.getLogger(Signals.class).debug("signals are left to Java: {}", x.toString());
        }
    }
}
