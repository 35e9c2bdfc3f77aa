package pitfalls.workshop;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.JavaFileObject.Kind;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.StandardLocation;
import javax.tools.ToolProvider;

/**
 * Compiles an exercise, and nothing else, in this JVM: an exercise that does not compile stops no other. It keeps what it
 * knows of the class path, so the second time takes a fraction of the first.
 */
public final class ExerciseCompiler {
    private static final Pattern MISSING_CLASS =
            Pattern.compile("symbol: +(?:class|variable) ([A-Z]\\w*)|^package ([A-Z]\\w*) does not exist");
    private static final int MOST_IMPORTS = 4;
    private static final int MOST_LINES = 12;

    private final JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    private final StandardJavaFileManager files;

    /** What became of a file: a class, or the compiler's complaints, in its own words. */
    public record Outcome(Class<?> exercise, List<String> complaints) {}

    public ExerciseCompiler() {
        if (compiler == null) throw new IllegalStateException("There is no Java compiler here: run this with a JDK.");
        files = compiler.getStandardFileManager(null, Locale.ROOT, UTF_8);
        try {
            files.setLocationFromPaths(StandardLocation.CLASS_PATH, classPath());
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    /** That of this class: Maven's plugins have a loader, a program has a property. */
    private static List<Path> classPath() {
        if (ExerciseCompiler.class.getClassLoader() instanceof URLClassLoader loader)
            return Stream.of(loader.getURLs()).map(ExerciseCompiler::path).toList();
        String paths = System.getProperty("java.class.path");
        return Stream.of(paths.split(System.getProperty("path.separator")))
                .map(Path::of)
                .toList();
    }

    private static Path path(URL url) {
        try {
            return Path.of(url.toURI());
        } catch (URISyntaxException x) {
            throw new IllegalArgumentException(x);
        }
    }

    /** Compiles that file, and loads what came of it: another class each time. */
    public Outcome compile(ExerciseFile file) {
        var complaints = new DiagnosticCollector<JavaFileObject>();
        var written = new Written(files);
        var options = List.of("-proc:none", "-parameters", "-implicit:none", "--release", "17");
        var source = files.getJavaFileObjects(file.path());
        boolean isCompiled = compiler.getTask(null, written, complaints, options, null, source)
                .call();
        if (!isCompiled) return new Outcome(null, complaintsOf(file, complaints));
        try {
            return new Outcome(written.load(file.className()), List.of());
        } catch (ClassNotFoundException x) {
            return new Outcome(null, List.of(file.name() + ": there is no class " + file.className() + " in it"));
        }
    }

    private List<String> complaintsOf(ExerciseFile file, DiagnosticCollector<JavaFileObject> complaints) {
        List<String> lines = new ArrayList<>();
        Set<String> unknown = new LinkedHashSet<>();
        int left = 0;
        String[] source = file.text().split("\n", -1);
        for (Diagnostic<? extends JavaFileObject> complaint : complaints.getDiagnostics()) {
            if (complaint.getKind() != Diagnostic.Kind.ERROR) continue;
            int line = (int) complaint.getLineNumber();
            String message = complaint.getMessage(Locale.ROOT).strip();
            Matcher missing = MISSING_CLASS.matcher(message);
            if (missing.find()) unknown.add(missing.group(1) == null ? missing.group(2) : missing.group(1));
            if (lines.size() >= MOST_LINES) {
                left++;
                continue;
            }
            if (line < 1) {
                lines.add(message);
                continue;
            }
            lines.add(file.path().getFileName() + ":" + line + ": " + message.replace("\n", "\n    "));
            if (line <= source.length) lines.add("    " + source[line - 1].strip());
        }
        if (left > 0) lines.add("And " + left + " more, which may come of these.");
        for (String name : unknown) imports(name).ifPresent(lines::add);
        return lines;
    }

    /** What one may have meant by a class that is not imported, of those that exercises use. */
    private Optional<String> imports(String name) {
        List<String> found = new ArrayList<>();
        for (String top : List.of("pitfalls", "org.eclipse.jetty"))
            try {
                for (var candidate : files.list(StandardLocation.CLASS_PATH, top, Set.of(Kind.CLASS), true)) {
                    String full = files.inferBinaryName(StandardLocation.CLASS_PATH, candidate);
                    if (full.endsWith("." + name)) found.add("import " + full + ";");
                }
            } catch (IOException x) {
                throw new UncheckedIOException(x);
            }
        return found.isEmpty()
                ? Optional.empty()
                : Optional.of("Is " + name + " not imported? There is: "
                        + found.stream().distinct().sorted().limit(MOST_IMPORTS).collect(Collectors.joining("  ")));
    }

    /** Keeps the classes in memory. */
    private static final class Written extends ForwardingJavaFileManager<JavaFileManager> {
        private final Map<String, ByteArrayOutputStream> classes = new HashMap<>();

        Written(JavaFileManager files) {
            super(files);
        }

        @Override
        public JavaFileObject getJavaFileForOutput(
                Location location, String name, Kind kind, javax.tools.FileObject sibling) {
            return new SimpleJavaFileObject(URI.create("memory:///" + name.replace('.', '/') + kind.extension), kind) {
                @Override
                public OutputStream openOutputStream() {
                    var bytes = new ByteArrayOutputStream();
                    classes.put(name, bytes);
                    return bytes;
                }
            };
        }

        /**
         * The exercise shares its package with its step, whose classes need not be public, so one loader has them all. Those
         * compiled here come first: an IDE may have written others of the same names.
         */
        Class<?> load(String className) throws ClassNotFoundException {
            String step = className.substring(0, className.lastIndexOf('.') + 1);
            var loader = new ClassLoader(ExerciseCompiler.class.getClassLoader()) {
                @Override
                protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
                    synchronized (getClassLoadingLock(name)) {
                        if (!name.startsWith(step)) return super.loadClass(name, resolve);
                        Class<?> loaded = findLoadedClass(name);
                        if (loaded != null) return loaded;
                        byte[] bytes = bytesOf(name);
                        return defineClass(name, bytes, 0, bytes.length);
                    }
                }

                private byte[] bytesOf(String name) throws ClassNotFoundException {
                    if (classes.containsKey(name)) return classes.get(name).toByteArray();
                    try (var bytes = getResourceAsStream(name.replace('.', '/') + ".class")) {
                        if (bytes == null) throw new ClassNotFoundException(name);
                        return bytes.readAllBytes();
                    } catch (IOException x) {
                        throw new ClassNotFoundException(name, x);
                    }
                }
            };
            return loader.loadClass(className);
        }
    }
}
