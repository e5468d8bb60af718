"""Every check of Debian's jupyter_kernel_test on the ptlab kernel; jupyter-kernel-test.test.ts runs it."""

import unittest

import jupyter_kernel_test


class PtlabTests(jupyter_kernel_test.KernelTests):
    kernel_name = "ptlab"
    language_name = "typescript"
    file_extension = ".ts"

    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('test')"
    completion_samples = [
        {"text": "Math.sig", "matches": {"sign"}},
        {"text": "'😀'; JSON.par", "matches": {"parse"}},
        {"text": "nobodyHasThis"},
    ]
    complete_code_samples = ["1", "const a: number = 3;", "function f() {\n  return 1;\n}\n\n", "f?"]
    incomplete_code_samples = ["function f() {", "const a = `open", "[1, 2,", "if (true)"]
    invalid_code_samples = ["const a = = 3;", "}", "let 1x;"]
    code_page_something = "parseInt?"
    code_generate_error = "throw new Error('told');"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "'a' + `b`", "result": "'ab'"},
        {"code": "({ deep: [1] })", "result": "{ deep: [ 1 ] }"},
        {"code": "[{ size: '4K', bytes: 4096 }]", "mime": "text/html"},
    ]
    code_display_data = [
        {
            "code": "import { display, html } from 'ptlab/jupyter';\nawait display(html('<b>bold</b>'));",
            "mime": "text/html",
        },
        {
            "code": "import { display, svg } from 'ptlab/jupyter';\nawait display(svg('<svg></svg>'));",
            "mime": "image/svg+xml",
        },
    ]
    code_history_pattern = "6 *?7"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "parseFloat"
    code_clear_output = "import { clearOutput } from 'ptlab/jupyter';\nclearOutput();"


if __name__ == "__main__":
    unittest.main(verbosity=2)
