package pitfalls.docs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each diagram can be drawn: Mermaid draws them all in a browser. */
class DiagramsProof {
    private static final String MERMAID_POM = "META-INF/maven/org.webjars.npm/mermaid/pom.properties";
    private static final Pattern TOLD = Pattern.compile("<p>([^<]*)</p>");

    /**
     * A diagram.
     *
     * @param place page and line
     * @param text in Mermaid's language
     */
    private record Diagram(String place, String text) {}

    @Test
    void a_browser_draws_every_diagram(@TempDir Path folder) throws Exception {
        List<Diagram> diagrams = Page.all()
                .flatMap(page -> page.blocks().stream()
                        .filter(block -> block.getInfo().equals("mermaid"))
                        .map(block -> new Diagram(page.name() + ":" + Page.line(block), block.getLiteral())))
                .toList();

        assertThat(diagrams).hasSizeGreaterThanOrEqualTo(Step.values().length);
        assertThat(draw(folder, diagrams))
                .containsExactlyElementsOf(diagrams.stream()
                        .map(diagram -> diagram.place() + " is drawn")
                        .toList());
    }

    @Test
    void a_diagram_that_cannot_be_drawn_is_found(@TempDir Path folder) throws Exception {
        var diagram = new Diagram("here", "sequenceDiagram\n    client->>proxy");

        assertThat(draw(folder, List.of(diagram)))
                .singleElement()
                .asString()
                .startsWith("here: ")
                .contains("Parse error");
    }

    /** What became of each diagram. */
    private static List<String> draw(Path folder, List<Diagram> diagrams) throws Exception {
        String page = Program.run(
                folder,
                "",
                Program.find("chromium", "chromium"),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--virtual-time-budget=30000",
                "--user-data-dir=" + folder.resolve("browser"),
                "--dump-dom",
                write(folder, diagrams).toUri().toString());
        assumeTrue(page.contains("<body>"), "To prove this, have a browser that starts on this machine");
        return TOLD.matcher(page).results().map(found -> found.group(1)).toList();
    }

    private static Path write(Path folder, List<Diagram> diagrams) throws IOException {
        ClassLoader classes = DiagramsProof.class.getClassLoader();
        var mermaid = new Properties();
        try (InputStream pom = classes.getResourceAsStream(MERMAID_POM)) {
            assumeTrue(pom != null, "To prove this, run with -Pproof");
            mermaid.load(pom);
        }
        String script = "META-INF/resources/webjars/mermaid/" + mermaid.getProperty("version") + "/dist/mermaid.min.js";
        try (InputStream code = classes.getResourceAsStream(script)) {
            assertThat(code).as(script).isNotNull();
            Files.copy(code, folder.resolve("mermaid.js"));
        }
        var drawing =
                new StringBuilder("<!DOCTYPE html><meta charset=utf-8><body><script src=mermaid.js></script><script>\n"
                        + "mermaid.initialize({startOnLoad: false});\n"
                        + "async function draw(id, place, text) {\n"
                        + "  let result = ' is drawn';\n"
                        + "  try { const {svg} = await mermaid.render(id, text); if (!svg.includes('<svg')) result = ' is empty'; }\n"
                        + "  catch (e) { result = ': ' + e.message; }\n"
                        + "  const told = document.createElement('p'); told.textContent = place + result; document.body.append(told);\n"
                        + "}\n(async () => {\n");
        IntStream.range(0, diagrams.size())
                .forEach(i -> drawing.append("await draw('d")
                        .append(i)
                        .append("', `")
                        .append(diagrams.get(i).place())
                        .append("`, `")
                        .append(diagrams.get(i).text())
                        .append("`);\n"));
        Path page = folder.resolve("diagrams.html");
        Files.write(page, drawing.append("})();\n</script>").toString().getBytes(UTF_8));
        return page;
    }
}
