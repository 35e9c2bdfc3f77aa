package pitfalls.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FileOutputStream;
import java.lang.module.FindException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Why the steps belong on the class path, and not on that of modules. */
class ModulesTest {

    @Test
    void the_name_of_a_step_cannot_become_the_name_of_a_module(@TempDir Path jars) throws Exception {
        Path jar = jars.resolve("step-07-streaming-1.0-SNAPSHOT.jar");
        new JarOutputStream(new FileOutputStream(jar.toFile()), new Manifest()).close();

        assertThatThrownBy(() -> ModuleFinder.of(jars).findAll())
                .isInstanceOf(FindException.class)
                .hasStackTraceContaining("step.07.streaming: Invalid module name: '07' is not a Java identifier");
    }

    @Test
    void step_7_extends_a_class_that_a_module_of_Jetty_keeps_to_itself() throws Exception {
        Class<?> ofJetty =
                Class.forName("pitfalls.step07.http2.Http2Connection").getSuperclass();
        Path jar = Path.of(
                ofJetty.getProtectionDomain().getCodeSource().getLocation().toURI());

        ModuleDescriptor module =
                ModuleFinder.of(jar).findAll().iterator().next().descriptor();

        assertThat(module.packages()).contains(ofJetty.getPackageName());
        assertThat(module.exports())
                .extracting(ModuleDescriptor.Exports::source)
                .isNotEmpty()
                .doesNotContain(ofJetty.getPackageName());
    }
}
