package pitfalls.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import pitfalls.program.ReverseProxy;

/** A reverse proxy of the table in {@code docs/beside-others.md}, with the settings that the page tells. */
enum Peer {
    NGINX("nginx", "nginx", "-v") {
        @Override
        List<String> command(Path folder, String listen, String target, boolean retries) throws IOException {
            Path config =
                    write(folder, "nginx.conf", """
                    daemon off; pid %1$s/nginx.pid; error_log %1$s/nginx.log; worker_processes auto;
                    events { worker_connections 4096; }
                    http {
                      access_log off;
                      client_body_temp_path %1$s/b; proxy_temp_path %1$s/p; fastcgi_temp_path %1$s/f;
                      uwsgi_temp_path %1$s/u; scgi_temp_path %1$s/s;
                      upstream leader { server %3$s%4$s; keepalive 64; }
                      server { listen %2$s; location / {
                        proxy_pass http://leader; proxy_http_version 1.1; proxy_set_header Connection '';
                      } }
                    }
                    """.formatted(folder, listen, target, retries ? " max_fails=0" : ""));
            return List.of(find(), "-e", folder + "/nginx-start.log", "-p", folder.toString(), "-c", config.toString());
        }
    },
    HAPROXY("HAProxy", "haproxy", "-v") {
        @Override
        List<String> command(Path folder, String listen, String target, boolean retries) throws IOException {
            Path config = write(folder, "haproxy.cfg", """
                    defaults
                      mode http
                      timeout connect 5s
                      timeout client 1m
                      timeout server 1m
                      timeout http-request 30s
                    listen all
                      bind %s
                      server leader %s
                    %s
                    """.formatted(
                            listen,
                            target,
                            retries
                                    ? "  retries 3\n  retry-on conn-failure empty-response\n"
                                            + "  http-request disable-l7-retry if METH_POST"
                                    : ""));
            return List.of(find(), "-f", config.toString());
        }
    },
    CADDY("Caddy", "caddy", "version") {
        @Override
        List<String> command(Path folder, String listen, String target, boolean retries) throws IOException {
            Path config = write(folder, "Caddyfile", """
                    {
                      admin off
                      auto_https off
                    }
                    http://:%s {
                      bind 127.0.0.1
                      reverse_proxy %s {
                        %s
                      }
                    }
                    """.formatted(
                            listen.replaceFirst(".*:", ""), target, retries ? "lb_try_duration 1s" : ""));
            return List.of(find(), "run", "--adapter", "caddyfile", "--config", config.toString());
        }
    },
    OURS("this proxy", null, null) {
        @Override
        List<String> command(Path folder, String listen, String target, boolean retries) {
            return List.of(
                    Program.JAVA,
                    "-Xmx256m",
                    "-XX:+ExitOnOutOfMemoryError",
                    "-classpath",
                    System.getProperty("java.class.path"),
                    ReverseProxy.class.getName(),
                    "--listen=" + listen,
                    "--target=" + target,
                    "--retries=" + (retries ? 2 : 0));
        }
    };

    private static final Pattern VERSION = Pattern.compile("\\d+\\.\\d+\\.\\d+");

    private final String title;
    private final String program;
    private final String versionOption;

    Peer(String title, String program, String versionOption) {
        this.title = title;
        this.program = program;
        this.versionOption = versionOption;
    }

    /** What starts it. */
    abstract List<String> command(Path folder, String listen, String target, boolean retries) throws IOException;

    /** Those that are installed. */
    static List<Peer> installed() {
        return Arrays.stream(values())
                .filter(peer -> peer.program == null || peer.path().isPresent())
                .toList();
    }

    /** Its name, and its version where it is not ours. */
    String heading(Path folder) throws IOException, InterruptedException {
        if (program == null) return title;
        Path out = folder.resolve("version");
        new ProcessBuilder(find(), versionOption)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start()
                .waitFor();
        Matcher version = VERSION.matcher(Files.readString(out));
        return version.find() ? title + " " + version.group() : title;
    }

    /** Where its program is. */
    String find() {
        return path().orElseThrow();
    }

    private Optional<String> path() {
        return Stream.of((System.getenv("PATH") + ":/usr/local/sbin:/usr/sbin").split(":"))
                .map(place -> Path.of(place, program))
                .filter(Files::isExecutable)
                .map(Path::toString)
                .findFirst();
    }

    private static Path write(Path folder, String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }
}
