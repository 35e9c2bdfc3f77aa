package pitfalls.docs;

import com.github.javaparser.ast.body.BodyDeclaration;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.commonmark.node.Code;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.HtmlBlock;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.node.Paragraph;

/** What must be true of a page. Each check returns its complaints. */
final class Checks {
    private static final Pattern MEMBER = Pattern.compile("[A-Z]\\w*(\\.\\w+)+");
    private static final Pattern TEST_NAME = Pattern.compile("[A-Za-z0-9]+(_[A-Za-z0-9]+){2,}");
    private static final Pattern ALL_LOWER = Pattern.compile("(.*_)?[a-z]{2,}(_.*)?");
    /** A program that runs out of memory would go on without answering; it has to end, so that somebody starts it again. */
    static final String ENDS_WITHOUT_MEMORY = "-XX:+ExitOnOutOfMemoryError";

    private static final Pattern JAVA = Pattern.compile("\\bjava [^\\n`]*-jar\\b[^\\n`]*");
    private static final Pattern MVN = Pattern.compile("\\bmvn( [^\\n`]*)");
    private static final Pattern DIRECTION = Pattern.compile("\\b(?!new)\\w+To\\w+(Request|Response)\\b");
    private static final Set<String> DIRECTIONS =
            Set.of("clientToProxyRequest", "proxyToServerRequest", "serverToProxyResponse", "proxyToClientResponse");

    /** The headings of a step's page, in their order. */
    static final List<String> LESSON = List.of(
            "The symptom",
            "Predict",
            "See it break",
            "Why",
            "Your turn",
            "The fix",
            "The fine print",
            "In the post",
            "Still broken");

    private static final Pattern ARTIFACT = Pattern.compile("<artifactId>(.+)</artifactId>");

    private Checks() {}

    /** A block of code is a member of a class, an excerpt of a file, output, or says what else it is. */
    static List<String> blocks(Page page) {
        List<String> complaints = new ArrayList<>();
        List<FencedCodeBlock> blocks = page.blocks();
        Collections.reverse(blocks); // so that what is rewritten moves none of the others
        for (FencedCodeBlock block : blocks) {
            String complaint = switch (block.getInfo()) {
                case "java" -> java(page, block);
                case "haproxy", "nginx", "yaml" -> excerpt(page, block);
                case "xml" -> excerpt(page, block) == null ? null : dependency(block);
                case "text" -> Outputs.check(page, block);
                case "mermaid" -> mermaid(block);
                case "shell", "powershell", "go" -> null;
                default -> "a block of '" + block.getInfo() + "' has no source";
            };
            if (complaint != null) complaints.add(0, "line " + Page.line(block) + ": " + complaint);
        }
        return complaints;
    }

    private static String java(Page page, FencedCodeBlock block) {
        if (block.getLiteral().startsWith("// a sketch\n")) return null;
        if (block.getLiteral().startsWith("import ")) return excerpt(page, block);
        Paragraph before = Page.before(block);
        String member = before == null ? null : lastMember(page, before);
        if (member == null) return "a block of Java needs a paragraph before it that names a Class.member";
        Path file = javaFile(page, member);
        if (file == null) return "the page has no link to the file of " + member;
        List<BodyDeclaration<?>> members = Sources.members(file, member);
        if (members.isEmpty()) return member + " is not in " + file.getFileName();
        if (members.stream().anyMatch(found -> Page.differOnlyInSpace(Sources.text(file, found), block.getLiteral())))
            return null;
        String expected = Sources.text(file, members.get(0));
        if (Page.UPDATE) page.rewrite(block, expected);
        return Page.UPDATE ? null : member + " reads, in " + file.getFileName() + ":\n" + expected;
    }

    private static String lastMember(Page page, Paragraph paragraph) {
        return codesIn(page, paragraph)
                .filter(code -> MEMBER.matcher(code).matches() && !code.endsWith(".java"))
                .reduce((first, last) -> last)
                .orElse(null);
    }

    private static Stream<String> codesIn(Page page, Paragraph paragraph) {
        return page.all(Code.class).stream()
                .filter(code -> isIn(code, paragraph))
                .map(Code::getLiteral);
    }

    private static Path javaFile(Page page, String member) {
        String name = member.replaceFirst("\\..*", ".java");
        return page.destinations().stream()
                .filter(destination -> destination.endsWith("/" + name))
                .map(destination -> page.file().resolveSibling(destination).normalize())
                .findFirst()
                .orElse(null);
    }

    private static boolean isIn(Node node, Paragraph paragraph) {
        return Stream.iterate(node, at -> at != null, at -> at.getParent()).anyMatch(at -> at == paragraph);
    }

    private static String excerpt(Page page, FencedCodeBlock block) {
        Paragraph before = Page.before(block);
        if (before == null) return "an excerpt needs a paragraph before it that links its file";
        return page.all(Link.class).stream()
                        .filter(link -> isIn(link, before))
                        .map(link -> page.file().resolveSibling(link.getDestination()))
                        .filter(Files::isRegularFile)
                        .anyMatch(file -> unindented(Page.textOf(file)).contains(unindented(block.getLiteral())))
                ? null
                : "these lines are not in the file that the paragraph before links";
    }

    /** A dependency is a module of this repository, with what its POM says. */
    private static String dependency(FencedCodeBlock block) {
        Matcher artifact = ARTIFACT.matcher(block.getLiteral());
        Path pom =
                Page.ROOT.resolve(artifact.find() ? artifact.group(1) : "none").resolve("pom.xml");
        if (!Files.isRegularFile(pom)) return "an artifact of XML is no module";
        return block.getLiteral()
                .lines()
                .map(String::strip)
                .filter(line ->
                        !line.matches("</?dependency>") && !Page.textOf(pom).contains(line))
                .map(line -> "its POM does not say " + line)
                .findFirst()
                .orElse(null);
    }

    private static String unindented(String text) {
        return text.strip().replaceAll("(?m)^[ \\t]+", "");
    }

    private static String mermaid(FencedCodeBlock block) {
        Node next = block.getNext();
        while (next instanceof HtmlBlock) next = next.getNext();
        boolean isTold = next instanceof Paragraph words && Page.plain(words).startsWith("In words:");
        if (!isTold) return "a diagram needs a paragraph behind it that begins with 'In words:'";
        Matcher direction = DIRECTION.matcher(block.getLiteral());
        while (direction.find())
            if (!DIRECTIONS.contains(direction.group())) return direction.group() + " is none of the four directions";
        return null;
    }

    /** A relative link leads somewhere, and so does its anchor. */
    static List<String> links(Page page) {
        List<String> complaints = new ArrayList<>();
        for (String destination : page.destinations()) {
            if (destination.matches("[a-z]+:.*")) continue;
            String[] parts = destination.split("#", 2);
            boolean isLine = parts[0].endsWith(".java") && parts.length > 1 && parts[1].matches("L[0-9]+");
            Path target = parts[0].isEmpty()
                    ? page.file()
                    : page.file().resolveSibling(parts[0]).normalize();
            if (!Files.exists(target)) complaints.add("'" + destination + "' leads nowhere");
            else if (parts.length > 1 && !isLine && !Page.read(target).anchors().contains(parts[1]))
                complaints.add("'" + destination + "': there is no heading of that name");
        }
        return complaints;
    }

    /** A command names modules, tests and profiles that exist. */
    static List<String> commands(Page page) {
        Set<String> complaints = new LinkedHashSet<>();
        String text = page.text().replace("\\\n", ""); // a line that goes on
        Matcher mvn = MVN.matcher(text.replaceAll("(\\s)\\n", "$1"));
        while (mvn.find()) {
            String command = "mvn" + mvn.group(1);
            var words = List.of(mvn.group(1).strip().replace("\"", "").split("\\s+"));
            for (int i = 0; i < words.size(); i++) {
                String word = words.get(i);
                if (word.equals("-pl") && i + 1 < words.size()) {
                    if (!Files.exists(Page.ROOT.resolve(words.get(i + 1)).resolve("pom.xml")))
                        complaints.add(command + ": there is no module " + words.get(i + 1));
                } else if (word.startsWith("-Dtest=")) {
                    for (String test : word.substring("-Dtest=".length()).split(","))
                        if (!Sources.testClasses().contains(test))
                            complaints.add(command + ": there is no test " + test);
                } else if (word.startsWith("-P")) {
                    if (!isProfile(word.substring(2)))
                        complaints.add(command + ": there is no profile " + word.substring(2));
                }
            }
        }
        Matcher java = JAVA.matcher(text);
        while (java.find()) {
            boolean ends = java.group().contains(" " + ENDS_WITHOUT_MEMORY + " ");
            if (!ends) complaints.add(java.group().strip() + ": without " + ENDS_WITHOUT_MEMORY);
        }
        return List.copyOf(complaints);
    }

    private static boolean isProfile(String id) {
        return Stream.of("pom.xml", "docs/pom.xml", "docs/lab/pom.xml", "docs/bench/pom.xml")
                .anyMatch(pom -> Page.textOf(Page.ROOT.resolve(pom)).contains("<id>" + id + "</id>"));
    }

    /** A test that is named exists; so does a member whose file is linked. */
    static List<String> names(Page page) {
        List<String> complaints = new ArrayList<>();
        for (String code : page.codes())
            if (TEST_NAME.matcher(code).matches()
                    && ALL_LOWER.matcher(code).matches()
                    && !code.matches("(proxy|client)_.*") // directives of nginx
                    && !code.matches("(http|reverse_proxy)_.*") // metrics
                    && !Sources.testMethods().contains(code)) complaints.add("there is no test " + code);
        for (MethodLink link : MethodLink.in(page)) {
            if (link.line() == 0) complaints.add("there is no test " + link.test() + " in " + link.file());
        }
        for (Link link : page.all(Link.class)) {
            if (!link.getDestination().endsWith(".java") || !(link.getFirstChild() instanceof Code code)) continue;
            Path file = page.file().resolveSibling(link.getDestination()).normalize();
            String name = code.getLiteral();
            if (name.matches("[A-Z]\\w*(\\.\\w+)*") && !Sources.exists(file, name))
                complaints.add(name + " is not in " + link.getDestination());
        }
        return complaints;
    }

    /** A step's page has the headings of a lesson, a diagram, three hints, and the fix where nobody reads it by chance. */
    static List<String> lesson(Page page) {
        List<String> complaints = new ArrayList<>();
        List<String> headings = page.headings(2);
        if (!headings.stream().filter(LESSON::contains).toList().equals(LESSON))
            complaints.add("the headings are " + headings + " and should be " + LESSON);
        if (page.blocks().stream().noneMatch(block -> block.getInfo().equals("mermaid")))
            complaints.add("there is no diagram");
        long hints = page.all(HtmlBlock.class).stream()
                .filter(html -> html.getLiteral().startsWith("<details><summary>Hint "))
                .count();
        if (!page.text().contains("## The fix\n\n<details><summary>")) complaints.add("the fix is not folded away");
        if (!page.text().contains("\n**Learned.** ")) complaints.add("nothing says **Learned.**");
        if (hints != 3) complaints.add("there are " + hints + " hints and should be 3");
        return complaints;
    }
}
