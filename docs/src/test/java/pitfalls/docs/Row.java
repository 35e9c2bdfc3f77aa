package pitfalls.docs;

import static pitfalls.docs.RowBench.bytes;
import static pitfalls.docs.RowBench.count;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** A row of {@code docs/beside-others.md}: one test of each proxy. */
enum Row {
    SLOW_UPLOADS(
            "slow uploads",
            "1,100 clients send 10 bytes of their upload, then a byte every 5 s. From the 12th second on, another client"
                    + " asks once a second, 15 times: how often it is served within a second.",
            Row::slowUploads),
    SLOW_HEADS(
            "slow heads",
            "1,100 clients send half a head. Another one asks 10 times: how often it is served within a second.",
            Row::slowHeads),
    DESCRIPTORS(
            "descriptors run out",
            "The process may have 256. 320 clients are connected and idle; 160 others ask at once: how many are served"
                    + " within 10 s.",
            Row::descriptors),
    BURST("a burst", "1,000 clients at once, as soon as the port is open: how many are served.", Row::burst),
    STALE(
            "stale connections",
            "10,000 GETs of 8 clients; the upstream closes every fifth connection after its answer, without having said so:"
                    + " how many GETs are answered with 502.",
            Row::stale),
    RESTARTS(
            "restarts",
            "20 clients send GETs, with a pause of 5 ms between them. The upstream, an nginx, is ended 20 times, by SIGKILL and SIGTERM in turn, and is back"
                    + " 0.2 s later. Retries are turned on: how many GETs failed.",
            Row::restarts),
    CUT_UPLOADS(
            "uploads that break off",
            "A chunked upload ends too early, once at each of its bytes: how many arrive as whole ones.",
            Row::cutUploads),
    HALF_RESPONSES(
            "responses that break off",
            "A response ends too early, once at each byte of its body, chunked and with a length: how many look whole to the"
                    + " client.",
            Row::halfResponses),
    POST_TWICE(
            "a POST sent twice",
            "The upstream reads a POST on a connection that was kept, and closes or resets it, 20 times: how many POSTs"
                    + " arrive more than once.",
            Row::postTwice),
    AMBIGUOUS(
            "ambiguous requests",
            "A fixed list of requests that two servers may read differently: how many reach the upstream, whether"
                    + " repaired or as they are.",
            Row::ambiguous),
    INVALID(
            "invalid responses",
            "A fixed list of responses that are no valid HTTP: how many reach the client as a success, whether repaired or as"
                    + " they are.",
            Row::invalid),
    MEMORY("memory", "Resident memory after 100 requests.", Row::memory);

    private static final int SLOW = 1100;
    private static final int RESTART_COUNT = 20;

    private final String title;
    private final String what;
    private final Measure measure;

    Row(String title, String what, Measure measure) {
        this.title = title;
        this.what = what;
        this.measure = measure;
    }

    private interface Measure {
        String of(RowBench bench, Path folder) throws Exception;
    }

    /** The first two cells of the row. */
    String begin() {
        return "| " + title + " | " + what + " |";
    }

    /** The figure of that proxy. */
    String measure(Peer peer, Path folder) throws Exception {
        try (var bench = new RowBench(peer, folder)) {
            return measure.of(bench, folder);
        }
    }

    private static String slowUploads(RowBench bench, Path folder) throws Exception {
        bench.startWarm(0);
        List<Socket> slow =
                bench.connect(SLOW, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n0123456789");
        int served = 0;
        for (int second = 0; second < 27; second++) {
            long next = System.nanoTime() + 1_000_000_000;
            if (second % 5 == 4) slow.forEach(Row::trickle);
            if (second >= 12 && bench.isServed(1000)) served++;
            sleepUntil(next);
        }
        return served + " of 15";
    }

    private static void trickle(Socket socket) {
        try {
            socket.getOutputStream().write('x');
        } catch (IOException x) {
            // the proxy has ended it
        }
    }

    private static String slowHeads(RowBench bench, Path folder) throws Exception {
        bench.startWarm(0);
        bench.connect(SLOW, "GET / HTTP/1.1\r\nHost: a\r\nX-");
        return count(10, 1, () -> bench.isServed(1000)) + " of 10";
    }

    private static String descriptors(RowBench bench, Path folder) throws Exception {
        bench.startWarm(256);
        bench.connect(320, "");
        return count(160, 160, () -> bench.isServed(10_000)) + " of 160";
    }

    private static String burst(RowBench bench, Path folder) throws Exception {
        bench.startCold(0);
        return String.format(Locale.ROOT, "%,d of 1,000", count(1000, 1000, () -> bench.isServed(20_000)));
    }

    private static String stale(RowBench bench, Path folder) throws Exception {
        var answered = new AtomicInteger();
        bench.startBefore((socket, in) -> {
            for (var head = SoakMessage.readHead(in); head != null; head = SoakMessage.readHead(in)) {
                socket.getOutputStream().write(RowBench.OK);
                if (answered.incrementAndGet() % 5 == 0) return;
            }
        });
        int failed = 0;
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Future<Integer>> all = Stream.generate(
                            () -> threads.submit(() -> ask(bench, 1250, 0, () -> false, new AtomicInteger())))
                    .limit(8)
                    .toList();
            for (var one : all) failed += one.get();
        } finally {
            threads.shutdownNow();
        }
        return Integer.toString(failed);
    }

    /** Sends so many GETs on a kept connection, or until it is over, and returns how many did not get a 200. */
    private static int ask(RowBench bench, int times, int pauseMillis, BooleanSupplier isOver, AtomicInteger sent)
            throws InterruptedException {
        int failed = 0;
        Socket socket = null;
        InputStream in = null;
        for (int i = 0; i < times && !isOver.getAsBoolean(); i++) {
            sent.incrementAndGet();
            Thread.sleep(pauseMillis);
            String status = "";
            boolean isLast = true;
            try {
                if (socket == null) {
                    socket = bench.connect();
                    in = new BufferedInputStream(socket.getInputStream());
                }
                socket.getOutputStream().write(bytes(RowBench.GET));
                SoakMessage head = SoakMessage.readHead(in);
                if (head != null) {
                    head.readBody(in, true);
                    status = head.firstLine();
                    isLast = "close".equals(head.fields().get("connection"));
                }
            } catch (IOException x) {
                status = x.toString();
            }
            if (!status.startsWith("HTTP/1.1 200")) failed++;
            if (isLast || i == times - 1) {
                RowBench.close(socket);
                socket = null;
            }
        }
        RowBench.close(socket);
        return failed;
    }

    private static String restarts(RowBench bench, Path folder) throws Exception {
        InetSocketAddress address = bench.reserve();
        Path home = Files.createDirectories(folder.resolve("upstream"));
        Path config = Files.writeString(
                home.resolve("upstream.conf"), """
                daemon off; master_process off; pid %1$s/pid; error_log %1$s/log;
                events { worker_connections 1000; }
                http {
                  access_log off; client_body_temp_path %1$s/b; proxy_temp_path %1$s/p;
                  fastcgi_temp_path %1$s/f; uwsgi_temp_path %1$s/u; scgi_temp_path %1$s/s;
                  server { listen %2$s; location / { return 200 "ok"; } }
                }
                """.formatted(home, ServerProcess.authorityOf(address)));
        var upstream = bench.started(new ServerProcess(
                address,
                home.resolve("output"),
                new ProcessBuilder(
                        Peer.NGINX.find(), "-e", home + "/start", "-p", home.toString(), "-c", config.toString())));
        bench.start(ServerProcess.authorityOf(address), true, 0);
        var isOver = new AtomicBoolean();
        var sent = new AtomicInteger();
        ExecutorService threads = Executors.newCachedThreadPool();
        try {
            List<Future<Integer>> clients = Stream.generate(
                            () -> threads.submit(() -> ask(bench, Integer.MAX_VALUE, 5, isOver::get, sent)))
                    .limit(20)
                    .toList();
            for (int i = 0; i < RESTART_COUNT; i++) {
                Thread.sleep(500);
                upstream.signal(i % 2 == 0 ? "KILL" : "TERM");
                Thread.sleep(200);
                upstream.stop();
                upstream.start();
            }
            isOver.set(true);
            int failed = 0;
            for (var client : clients) failed += client.get();
            return String.format(
                    Locale.ROOT, "%,d of %,d (%.2f\u00a0%%)", failed, sent.get(), 100.0 * failed / sent.get());
        } finally {
            threads.shutdownNow();
        }
    }

    private static String cutUploads(RowBench bench, Path folder) throws Exception {
        var whole = new AtomicInteger();
        bench.startBefore((socket, in) -> {
            for (var head = SoakMessage.readHead(in); head != null; head = SoakMessage.readHead(in)) {
                head.readBody(in, false);
                if (head.firstLine().startsWith("PUT")) whole.incrementAndGet();
                socket.getOutputStream().write(RowBench.OK);
            }
        });
        String body = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
        for (int length = 0; length <= body.length(); length++)
            try (Socket socket = bench.connect()) {
                socket.getOutputStream()
                        .write(bytes("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + body.substring(0, length)));
                boolean isCut = length < body.length();
                if (isCut) socket.shutdownOutput();
                socket.setSoTimeout(isCut ? 300 : 3000);
                while (socket.getInputStream().read() >= 0) {
                    // what the proxy says to that
                }
            } catch (IOException x) {
                // it says nothing
            }
        Thread.sleep(1000);
        int cut = whole.get() - 1; // the last one was not cut
        if (cut < 0) throw new IllegalStateException("no upload arrives");
        return cut + " of " + body.length();
    }

    private static String halfResponses(RowBench bench, Path folder) throws Exception {
        String chunked = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
        var part = new AtomicInteger();
        bench.startBefore((socket, in) -> {
            SoakMessage.readHead(in);
            int length = part.get();
            String head = length < chunked.length() ? "Transfer-Encoding: chunked" : "Content-Length: 20";
            String sent =
                    length < chunked.length() ? chunked.substring(0, length) : "x".repeat(length - chunked.length());
            socket.getOutputStream().write(bytes("HTTP/1.1 200 OK\r\n" + head + "\r\n\r\n" + sent));
        });
        int all = chunked.length() + 20;
        part.set(all);
        if (!bench.isWhole()) throw new IllegalStateException("no response is whole");
        int whole = 0;
        for (int i = 0; i < all; i++) {
            part.set(i);
            if (bench.isWhole()) whole++;
        }
        return whole + " of " + all;
    }

    private static String postTwice(RowBench bench, Path folder) throws Exception {
        var posts = new AtomicInteger();
        bench.startBefore((socket, in) -> {
            for (var head = SoakMessage.readHead(in); head != null; head = SoakMessage.readHead(in)) {
                head.readBody(in, false);
                if (head.firstLine().startsWith("POST")) {
                    if (posts.incrementAndGet() % 2 == 0) socket.setSoLinger(true, 0);
                    return;
                }
                socket.getOutputStream().write(RowBench.OK);
            }
        });
        for (int i = 0; i < 20; i++) {
            bench.isServed(1000); // whose connection is kept
            Thread.sleep(50);
            bench.answerTo("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 3000);
        }
        return (posts.get() - 20) + " of 20";
    }

    private static String ambiguous(RowBench bench, Path folder) throws Exception {
        var reached = new AtomicInteger();
        bench.startBefore((socket, in) -> {
            while (in.read() >= 0) {
                if (in.available() == 0) {
                    reached.incrementAndGet();
                    return;
                }
            }
        });
        int passed = 0;
        for (String request : Ambiguities.REQUESTS) {
            reached.set(0);
            bench.answerTo(request, 500);
            if (reached.get() > 0) passed++;
        }
        return passed + " of " + Ambiguities.REQUESTS.size();
    }

    private static String invalid(RowBench bench, Path folder) throws Exception {
        var at = new AtomicInteger();
        bench.startBefore((socket, in) -> {
            SoakMessage.readHead(in);
            socket.getOutputStream().write(bytes(Ambiguities.RESPONSES.get(at.get())));
        });
        int passed = 0;
        for (int i = 0; i < Ambiguities.RESPONSES.size(); i++) {
            at.set(i);
            if (bench.answerTo(RowBench.GET, 3000).matches(".* 2\\d\\d( .*)?")) passed++;
        }
        return passed + " of " + Ambiguities.RESPONSES.size();
    }

    private static String memory(RowBench bench, Path folder) throws Exception {
        bench.startWarm(0);
        return bench.residentMegabytes() + " MB";
    }

    private static void sleepUntil(long nanoTime) throws InterruptedException {
        long left = nanoTime - System.nanoTime();
        if (left > 0) Thread.sleep(left / 1_000_000);
    }
}
